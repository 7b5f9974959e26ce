package hpack

// The Huffman code of RFC 7541, appendix B, is canonical: codes of one length are
// consecutive numbers in the order of their symbols, and longer ones follow
// shorter ones. The lengths alone define it.
var codeLengths = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
}

const (
	maxCode = 30 // bits of the longest code
	quick   = 9  // bits that the first look-up takes
)

// huffman is the code prepared for use.
type huffman struct {
	// codes by symbol, for encoding.
	codes [256]uint32
	// short finds the symbols whose codes have at most quick bits by the next
	// quick bits of the input; length 0 stands for a longer code.
	short [1 << quick]struct{ symbol, length uint8 }
	// limit is, for each length, the first code that is too large for it, aligned
	// to 32 bits; symbols of that length begin at first, with code base.
	limit [maxCode + 1]uint64
	base  [maxCode + 1]uint32
	first [maxCode + 1]uint16
	// symbols in the order of their codes.
	symbols [256]uint8
}

var code = makeHuffman()

func makeHuffman() *huffman {
	h := &huffman{}
	next, n := uint32(0), uint16(0)
	for length := 1; length <= maxCode; length++ {
		next <<= 1
		h.base[length], h.first[length] = next, n
		for symbol, l := range codeLengths {
			if int(l) != length {
				continue
			}
			h.codes[symbol] = next
			h.symbols[n] = uint8(symbol)
			if length <= quick {
				from := next << (quick - length)
				for i := range uint32(1) << (quick - length) {
					h.short[from+i].symbol, h.short[from+i].length = uint8(symbol), uint8(length)
				}
			}
			next++
			n++
		}
		h.limit[length] = uint64(next) << (32 - length)
	}
	return h
}

// appendDecoded decodes a Huffman-coded string. ok is false when it is malformed:
// it has the end-of-string symbol in it, or padding that is too long or not made
// of ones (RFC 7541, section 5.2).
func appendDecoded(dst, src []byte) (decoded []byte, ok bool) {
	var bits uint64 // the next ones are the highest of the lower n
	n := 0
	for {
		for n <= 56 && len(src) > 0 {
			bits = bits<<8 | uint64(src[0])
			src = src[1:]
			n += 8
		}
		if n < 5 { // shorter than any code
			break
		}
		// What is missing is filled up with ones, which is how padding looks.
		var window uint32
		if n >= 32 {
			window = uint32(bits >> (n - 32))
		} else {
			window = uint32(bits<<(32-n)) | (1<<(32-n) - 1)
		}
		if s := code.short[window>>(32-quick)]; s.length != 0 {
			if int(s.length) > n {
				break
			}
			dst = append(dst, s.symbol)
			n -= int(s.length)
			continue
		}
		length := quick + 1
		for length <= maxCode && uint64(window) >= code.limit[length] {
			length++
		}
		if length > n {
			break
		}
		if length > maxCode {
			return dst, false // the end-of-string symbol
		}
		dst = append(dst, code.symbols[uint32(code.first[length])+window>>(32-length)-code.base[length]])
		n -= length
	}
	padding := uint64(1)<<n - 1
	return dst, n < 8 && bits&padding == padding
}
