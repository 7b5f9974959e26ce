package filter

import (
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

type rewrite struct {
	hostname []byte
	path     *pathRewrite
}

func newRewrite(f *ir.Rewrite) *rewrite {
	return &rewrite{hostname: []byte(f.Hostname), path: newPathRewrite(f.Path)}
}

// Request implements Filter.
func (f *rewrite) Request(x *message.Exchange) error {
	if len(f.hostname) > 0 {
		x.Request.Authority = f.hostname
	}
	if f.path != nil && string(x.Request.Path) != "*" { // OPTIONS * is about the server
		x.Request.Path = f.path.apply(x)
	}
	return nil
}

// Response implements Filter.
func (f *rewrite) Response(*message.Exchange) {}

// pathRewrite is a compiled ir.PathRewrite.
type pathRewrite struct {
	full []byte // nil for a prefix
	// prefix is the new prefix without a trailing slash.
	prefix []byte
}

func newPathRewrite(p *ir.PathRewrite) *pathRewrite {
	if p == nil {
		return nil
	}
	if p.Kind == ir.ReplaceFullPath {
		full := p.Value
		if !strings.HasPrefix(full, "/") {
			full = "/" + full
		}
		return &pathRewrite{full: []byte(full)}
	}
	return &pathRewrite{prefix: []byte(strings.TrimRight(p.Value, "/"))}
}

// apply makes the new path. The table of the Gateway API's ReplacePrefixMatch
// decides the corner cases: a path is never empty, and a slash that separates
// the prefix from the rest belongs to the rest.
func (p *pathRewrite) apply(x *message.Exchange) []byte {
	if p.full != nil {
		return p.full
	}
	rest := x.Request.Path[min(x.Prefix, len(x.Request.Path)):]
	path := append(x.Scratch(), p.prefix...)
	path = append(path, rest...)
	if len(path) == 0 || path[0] != '/' {
		path = append(path[:0], '/')
		path = append(append(path, p.prefix...), rest...)
	}
	return x.Keep(path)
}
