package filter

import (
	"bytes"
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

func newRedirect(f *ir.Redirect) *redirect {
	return &redirect{config: *f, path: newPathRewrite(f.Path)}
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
	path := r.Path
	if f.path != nil {
		path = f.path.apply(x)
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
	if f.config.Hostname != "" {
		b = append(b, f.config.Hostname...)
	} else {
		b = append(b, hostOf(r.Authority)...)
	}
	if port := f.port(x, scheme); port != 0 {
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	b = append(b, path...)
	if r.Query != nil {
		b = append(b, '?')
		b = append(b, r.Query...)
	}
	return x.Keep(b)
}

// port is the port to write, or 0. Gateway API, HTTPRequestRedirectFilter.port:
// the given one; else the well-known one of a given scheme; else the listener's.
// A port that the scheme implies is not written.
func (f *redirect) port(x *message.Exchange, scheme string) uint16 {
	implied := uint16(80)
	if scheme == "https" {
		implied = 443
	}
	port := f.config.Port
	if port == 0 {
		if f.config.Scheme != "" {
			return 0
		}
		port = x.Connection.Port
	}
	if port == implied {
		return 0
	}
	return port
}

// hostOf is the authority without its port.
func hostOf(authority []byte) []byte {
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		return authority[:i]
	}
	return authority
}
