package hpack

import (
	"strconv"

	"fsm/internal/proxy/message"
)

// AppendStart begins the first block of a connection: it tells the decoder that
// no table is used, whatever size it would allow (RFC 7541, section 4.2).
func AppendStart(dst []byte) []byte { return append(dst, 0x20) }

// AppendStatus writes the pseudo-header of a response.
func AppendStatus(dst []byte, status int) []byte {
	switch status {
	case 200:
		return append(dst, 0x80|8)
	case 204:
		return append(dst, 0x80|9)
	case 206:
		return append(dst, 0x80|10)
	case 304:
		return append(dst, 0x80|11)
	case 400:
		return append(dst, 0x80|12)
	case 404:
		return append(dst, 0x80|13)
	case 500:
		return append(dst, 0x80|14)
	}
	return append(dst, 8, 3, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10))
}

// Static indexes of the pseudo-headers of requests.
const (
	indexAuthority = 1
	indexMethod    = 2
	indexPath      = 4
	indexHTTP      = 6
	indexHTTPS     = 7
)

// AppendMethod writes :method.
func AppendMethod(dst, method []byte) []byte {
	switch string(method) {
	case "GET":
		return append(dst, 0x80|indexMethod)
	case "POST":
		return append(dst, 0x80|(indexMethod+1))
	}
	return appendText(append(dst, indexMethod), method)
}

// AppendScheme writes :scheme.
func AppendScheme(dst []byte, secure bool) []byte {
	if secure {
		return append(dst, 0x80|indexHTTPS)
	}
	return append(dst, 0x80|indexHTTP)
}

// AppendAuthority writes :authority.
func AppendAuthority(dst, authority []byte) []byte {
	return appendText(append(dst, indexAuthority), authority)
}

// AppendPath writes :path, with the query unless that is nil.
func AppendPath(dst, path, query []byte) []byte {
	if query == nil {
		if len(path) == 1 && path[0] == '/' {
			return append(dst, 0x80|indexPath)
		}
		return appendText(append(dst, indexPath), path)
	}
	dst = appendInteger(append(dst, indexPath), 0, 7, len(path)+1+len(query))
	dst = append(append(dst, path...), '?')
	return append(dst, query...)
}

// AppendLength writes content-length.
func AppendLength(dst []byte, n int64) []byte {
	dst = appendInteger(dst, 0, 4, indexByID[message.HeaderContentLength])
	at := len(dst)
	dst = strconv.AppendInt(append(dst, 0), n, 10)
	dst[at] = byte(len(dst) - at - 1) // a number is shorter than 127 digits
	return dst
}

// AppendField writes a field, its name in lower case. Fields that carry secrets
// are marked so that no one on the way puts them into a table (RFC 7541, section
// 7.1.3).
func AppendField(dst []byte, id message.ID, name, value []byte) []byte {
	kind := byte(0x00) // without indexing
	if id == message.HeaderAuthorization || id == message.HeaderCookie || id == message.HeaderSetCookie {
		kind = 0x10 // never indexed
	}
	index := 0
	if id != message.HeaderOther {
		index = indexByID[id]
	}
	if index == 0 {
		index = findName(name)
	}
	dst = appendInteger(dst, kind, 4, index)
	if index == 0 {
		dst = appendInteger(dst, 0, 7, len(name))
		for _, c := range name {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst = append(dst, c)
		}
	}
	return appendText(dst, value)
}

// indexByID has the static index of each known name.
var indexByID = func() (t [256]int) {
	for i := numStatic; i >= 1; i-- {
		if id := static[i].ID; id != message.HeaderOther {
			t[id] = i
		}
	}
	return t
}()

// namesByLength has the static indexes of the other names.
var namesByLength = func() (t [32][]int) {
	for i := range staticEntries {
		name := staticEntries[i][0]
		if static[i+1].ID == message.HeaderOther && name[0] != ':' {
			t[len(name)] = append(t[len(name)], i+1)
		}
	}
	return t
}()

// findName finds a name in the static table, without regard to case; 0 if it is
// not there.
func findName(name []byte) int {
	if len(name) >= len(namesByLength) {
		return 0
	}
	for _, i := range namesByLength[len(name)] {
		if staticEntries[i-1][0][0] == name[0]|0x20 && message.EqualFold(name, staticEntries[i-1][0]) {
			return i
		}
	}
	return 0
}

// appendText writes a string literal as it is: coding it would save a quarter of
// the bytes and cost more than sending them.
func appendText(dst, s []byte) []byte {
	return append(appendInteger(dst, 0, 7, len(s)), s...)
}

// appendInteger writes an integer with a prefix of that many bits, behind the
// bits of kind.
func appendInteger(dst []byte, kind byte, prefix, n int) []byte {
	mask := 1<<prefix - 1
	if n < mask {
		return append(dst, kind|byte(n))
	}
	dst = append(dst, kind|byte(mask))
	for n -= mask; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}
