package filter

import (
	"bytes"
	"net/netip"
	"strconv"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// ReasonRedirect marks answers of redirect filters.
const ReasonRedirect = "redirect"

type redirect struct {
	config ir.Redirect
	path   *pathRewrite
}

func newRedirect(f *ir.Redirect) (*redirect, error) {
	path, err := newPathRewrite(f.Path)
	return &redirect{config: *f, path: path}, err
}

var locationName = []byte("Location")

// Request implements Filter.
func (f *redirect) Request(x *message.Exchange) error {
	location := f.location(x)
	return &message.Reply{
		Status: int(f.config.Status),
		Reason: ReasonRedirect,
		Header: []message.Field{{Name: locationName, Value: location}},
	}
}

// Response implements Filter.
func (f *redirect) Response(*message.Exchange) {}

func (f *redirect) location(x *message.Exchange) []byte {
	r := &x.Request
	path, query := r.Path, r.Query
	switch {
	case string(path) == "*":
		path = nil // OPTIONS * is about the server
	case f.path != nil:
		path, query = f.path.apply(x)
	}
	scheme := f.config.Scheme
	if scheme == "" {
		scheme = "http"
		if x.Secure {
			scheme = "https"
		}
	}
	b := append(x.Scratch(), scheme...)
	b = append(b, "://"...)
	switch {
	case f.config.Hostname != "":
		b = append(b, f.config.Hostname...)
	case len(r.Authority) > 0:
		b = append(b, hostOf(r.Authority)...)
	default: // HTTP/1.0 without Host
		b = appendHost(b, x.Connection.Local.Addr())
	}
	if port := f.port(x, scheme); port != 0 {
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	b = append(b, path...)
	if query != nil {
		b = append(b, '?')
		b = append(b, query...)
	}
	return x.Keep(b)
}

// port is the port to write, or 0. Gateway API, HTTPRequestRedirectFilter.port:
// the given one; else the well-known one of a given scheme; else the listener's.
// A port that the scheme implies is not written. Behind a proxy that ends the
// client's TLS, the listener's port is not the one that the client knows.
func (f *redirect) port(x *message.Exchange, scheme string) uint16 {
	implied := uint16(80)
	if scheme == "https" {
		implied = 443
	}
	port := f.config.Port
	if port == 0 {
		if f.config.Scheme != "" || x.Secure != x.Connection.Secure {
			return 0
		}
		port = x.Connection.Port
	}
	if port == implied {
		return 0
	}
	return port
}

// appendHost writes an address as the host of a URL.
func appendHost(b []byte, addr netip.Addr) []byte {
	if addr = addr.Unmap(); addr.Is4() {
		return addr.AppendTo(b)
	}
	return append(addr.WithZone("").AppendTo(append(b, '[')), ']')
}

// hostOf is the authority without its port.
func hostOf(authority []byte) []byte {
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		return authority[:i]
	}
	return authority
}
