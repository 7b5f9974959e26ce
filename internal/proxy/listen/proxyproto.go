package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
)

var errBadProxyHeader = errors.New("malformed PROXY protocol header")

// ProxyHeader is the header of the PROXY protocol, version 1 or 2.
type ProxyHeader struct {
	// Source and Destination are those of the original connection. They are not
	// valid when the proxy speaks for itself (LOCAL, UNKNOWN).
	Source, Destination netip.AddrPort
}

var signature2 = []byte("\r\n\r\n\x00\r\nQUIT\n")

const (
	maxProxy1 = 107
	// maxProxy2 bounds addresses and TLVs.
	maxProxy2 = 4 << 10
)

// ParseProxyHeader reads the header from the first bytes of a connection. It
// returns the header's length, or 0 when more bytes are needed.
func ParseProxyHeader(b []byte) (h ProxyHeader, n int, err error) {
	if prefix := min(len(b), len(signature2)); bytes.Equal(b[:prefix], signature2[:prefix]) {
		if prefix < len(signature2) {
			return h, 0, nil
		}
		return parseProxy2(b)
	}
	return parseProxy1(b)
}

// parseProxy1 reads "PROXY TCP4 source destination sport dport CRLF".
func parseProxy1(b []byte) (h ProxyHeader, n int, err error) {
	const prefix = "PROXY "
	if p := min(len(b), len(prefix)); string(b[:p]) != prefix[:p] {
		return h, 0, errBadProxyHeader
	}
	end := bytes.Index(b[:min(len(b), maxProxy1)], []byte("\r\n"))
	if end < 0 {
		if len(b) >= maxProxy1 {
			return h, 0, errBadProxyHeader
		}
		return h, 0, nil
	}
	n = end + 2
	words := strings.Split(string(b[len(prefix):end]), " ")
	if words[0] == "UNKNOWN" {
		return h, n, nil
	}
	if len(words) != 5 || words[0] != "TCP4" && words[0] != "TCP6" {
		return h, 0, errBadProxyHeader
	}
	source, err1 := parseAddrPort(words[1], words[3])
	destination, err2 := parseAddrPort(words[2], words[4])
	if err1 != nil || err2 != nil || source.Addr().Is4() != (words[0] == "TCP4") {
		return h, 0, errBadProxyHeader
	}
	return ProxyHeader{source, destination}, n, nil
}

func parseAddrPort(addr, port string) (netip.AddrPort, error) {
	if len(port) > 1 && port[0] == '0' || strings.ContainsAny(port, "+-") {
		return netip.AddrPort{}, errBadProxyHeader
	}
	ip, err := netip.ParseAddr(addr)
	if err != nil || ip.Zone() != "" {
		return netip.AddrPort{}, errBadProxyHeader
	}
	if ip.Is6() {
		addr = "[" + addr + "]"
	}
	return netip.ParseAddrPort(addr + ":" + port)
}

// parseProxy2 reads the binary form.
func parseProxy2(b []byte) (h ProxyHeader, n int, err error) {
	const fixed = 16
	if len(b) < fixed {
		return h, 0, nil
	}
	command, family := b[12], b[13]
	size := int(binary.BigEndian.Uint16(b[14:]))
	if command>>4 != 2 || command&15 > 1 || size > maxProxy2 {
		return h, 0, errBadProxyHeader
	}
	if len(b) < fixed+size {
		return h, 0, nil
	}
	body := b[fixed : fixed+size]
	n = fixed + size
	if command&15 == 0 {
		return h, n, nil // LOCAL
	}
	addrLen := 0
	switch family {
	case 0x11:
		addrLen = 4
	case 0x21:
		addrLen = 16
	case 0x00:
		return h, n, nil
	default:
		return h, 0, errBadProxyHeader
	}
	if len(body) < 2*addrLen+4 {
		return h, 0, errBadProxyHeader
	}
	if !validTLVs(body[2*addrLen+4:]) {
		return h, 0, errBadProxyHeader
	}
	source, _ := netip.AddrFromSlice(body[:addrLen])
	destination, _ := netip.AddrFromSlice(body[addrLen : 2*addrLen])
	ports := body[2*addrLen:]
	h.Source = netip.AddrPortFrom(source.Unmap(), binary.BigEndian.Uint16(ports))
	h.Destination = netip.AddrPortFrom(destination.Unmap(), binary.BigEndian.Uint16(ports[2:]))
	return h, n, nil
}

// validTLVs checks that the extensions fill their room exactly; what they say is
// not used.
func validTLVs(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 3 {
			return false
		}
		n := 3 + int(binary.BigEndian.Uint16(b[1:]))
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}
