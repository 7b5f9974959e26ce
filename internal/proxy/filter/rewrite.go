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

func newRewrite(f *ir.Rewrite) (*rewrite, error) {
	path, err := newPathRewrite(f.Path)
	return &rewrite{hostname: []byte(f.Hostname), path: path}, err
}

// ReasonUnsafeRewrite marks requests whose rewritten path would lead out of
// where the rewrite points.
const ReasonUnsafeRewrite = "unsafe_rewrite"

var errUnsafe = &message.Reply{Status: 400, Reason: ReasonUnsafeRewrite}

// Request implements Filter.
func (f *rewrite) Request(x *message.Exchange) error {
	if len(f.hostname) > 0 {
		x.Request.Authority = f.hostname
	}
	if f.path == nil || string(x.Request.Path) == "*" { // OPTIONS * is about the server
		return nil
	}
	path, query := f.path.apply(x)
	if f.path.full == nil && climbs(path) && !climbs(x.Request.Path) {
		return errUnsafe
	}
	x.Request.Path, x.Request.Query = path, query
	return nil
}

// Response implements Filter.
func (f *rewrite) Response(*message.Exchange) {}

// pathRewrite is a compiled ir.PathRewrite.
type pathRewrite struct {
	full []byte // nil for the others
	// prefix is the new prefix without a trailing slash; slash says that it had one.
	prefix []byte
	slash  bool
	// substitution is nil for a prefix.
	substitution *substitution
}

func newPathRewrite(p *ir.PathRewrite) (*pathRewrite, error) {
	switch {
	case p == nil:
		return nil, nil
	case p.Kind == ir.ReplaceFullPath:
		full := p.Value
		if !strings.HasPrefix(full, "/") {
			full = "/" + full
		}
		return &pathRewrite{full: []byte(full)}, nil
	case p.Kind == ir.ReplaceMatch:
		s, err := newSubstitution(p)
		return &pathRewrite{substitution: s}, err
	}
	return &pathRewrite{prefix: []byte(strings.TrimRight(p.Value, "/")), slash: strings.HasSuffix(p.Value, "/")}, nil
}

// apply makes the new path and query. The table of the Gateway API's
// ReplacePrefixMatch decides the corner cases of prefixes: a path is never empty,
// and a slash that separates the prefix from the rest belongs to the rest. A prefix
// that was compared byte by byte may have taken that slash along; then the new prefix
// brings it back.
func (p *pathRewrite) apply(x *message.Exchange) (path, query []byte) {
	switch {
	case p.full != nil:
		return p.full, x.Request.Query
	case p.substitution != nil:
		return p.substitution.apply(x)
	}
	matched := min(x.Prefix, len(x.Request.Path))
	rest := x.Request.Path[matched:]
	path = append(x.Scratch(), p.prefix...)
	took := matched > 0 && x.Request.Path[matched-1] == '/'
	if p.slash && (took || len(rest) > 0 && rest[0] != '/') {
		path = append(path, '/')
	}
	path = append(path, rest...)
	if len(path) == 0 || path[0] != '/' {
		path = append(path[:0], '/')
		path = append(append(path, p.prefix...), rest...)
	}
	return x.Keep(path), x.Request.Query
}
