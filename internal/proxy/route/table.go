package route

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// Table is a compiled ir.RouteTable.
type Table struct {
	routes   []predicates
	exact    map[string][]int32
	prefixes prefixTree
	starts   []int32
	regexes  []int32
}

// predicates are what a request must satisfy beyond the path index.
type predicates struct {
	path    pathPredicate
	method  string
	headers []headerPredicate
	query   []queryPredicate
}

type pathPredicate struct {
	kind  ir.PathKind
	value string // a prefix without its trailing slash
	fold  []byte // value, for comparisons without regard to case
	regex *regexp.Regexp
}

// Compile makes a table from routes in order of precedence.
func Compile(routes []*ir.Route) (*Table, error) {
	t := &Table{routes: make([]predicates, len(routes)), exact: map[string][]int32{}}
	for i, r := range routes {
		p, err := compilePredicates(&r.Match)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Origin, err)
		}
		t.routes[i] = p
		switch p.path.kind {
		case ir.PathExact:
			t.exact[p.path.value] = append(t.exact[p.path.value], int32(i))
		case ir.PathRegex:
			t.regexes = append(t.regexes, int32(i))
		case ir.PathStart, ir.PathStartFold:
			t.starts = append(t.starts, int32(i))
		default:
			t.prefixes.add(p.path.value, int32(i))
		}
	}
	t.prefixes.link()
	return t, nil
}

func compilePredicates(m *ir.Match) (predicates, error) {
	p := predicates{method: m.Method, path: pathPredicate{kind: m.Path.Kind, value: m.Path.Value}}
	var err error
	switch m.Path.Kind {
	case ir.PathExact, ir.PathStart:
	case ir.PathStartFold:
		p.path.fold = []byte(m.Path.Value)
	case ir.PathRegex:
		if p.path.regex, err = compileRegex(m.Path.Value); err != nil {
			return p, fmt.Errorf("path: %w", err)
		}
	case ir.PathPrefix, "":
		p.path.kind = ir.PathPrefix
		p.path.value = strings.TrimRight(m.Path.Value, "/")
	default:
		return p, fmt.Errorf("path kind %q is not known", m.Path.Kind)
	}
	for _, h := range m.Headers {
		pred, err := compileHeader(h)
		if err != nil {
			return p, fmt.Errorf("header %s: %w", h.Name, err)
		}
		p.headers = append(p.headers, pred)
	}
	for _, q := range m.Query {
		pred, err := compileQuery(q)
		if err != nil {
			return p, fmt.Errorf("query parameter %s: %w", q.Name, err)
		}
		p.query = append(p.query, pred)
	}
	return p, nil
}

// maxRegex bounds the length of an expression, and with it the memory and time
// that a match can take; RE2 has no worse than linear time.
const maxRegex = 1 << 10

// compileRegex makes an expression that has to cover the whole input.
func compileRegex(expr string) (*regexp.Regexp, error) {
	if len(expr) > maxRegex {
		return nil, fmt.Errorf("regular expression has %d bytes, more than %d", len(expr), maxRegex)
	}
	re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	return re, nil
}

// Match finds the first route in order that matches the request: its index, or
// -1. prefix is the length of the path prefix that it matched, or of the whole
// path.
func (t *Table) Match(r *message.Request) (index, prefix int) {
	best, prefix := int32(math.MaxInt32), 0
	if list := t.exact[string(r.Path)]; list != nil {
		if i := t.first(list, best, r); i < best {
			best, prefix = i, len(r.Path)
		}
	}
	if r.Path[0] == '/' {
		for n := t.prefixes.longest(r.Path); n != nil; n = n.shorter {
			if i := t.first(n.routes, best, r); i < best {
				best, prefix = i, n.length
			}
		}
	}
	for _, i := range t.starts {
		if i >= best {
			break
		}
		if p := &t.routes[i]; p.path.match(r.Path) && p.match(r) {
			best, prefix = i, len(p.path.value)
			break
		}
	}
	for _, i := range t.regexes {
		if i >= best {
			break
		}
		if p := &t.routes[i]; p.path.regex.Match(r.Path) && p.match(r) {
			best, prefix = i, len(r.Path)
			break
		}
	}
	if best == math.MaxInt32 {
		return -1, 0
	}
	return int(best), prefix
}

// first is the first route of an ascending list, below a limit, that matches.
func (t *Table) first(list []int32, limit int32, r *message.Request) int32 {
	for _, i := range list {
		if i >= limit {
			break
		}
		if t.routes[i].match(r) {
			return i
		}
	}
	return limit
}

// match looks at everything but the path.
func (p *predicates) match(r *message.Request) bool {
	if p.method != "" && string(r.Method) != p.method {
		return false
	}
	for i := range p.headers {
		if !p.headers[i].match(r) {
			return false
		}
	}
	for i := range p.query {
		if !p.query[i].match(r.Query) {
			return false
		}
	}
	return true
}

// Why says why the route at an index does not match a request; it is empty when
// it does. It looks at one predicate after the other, without the index.
func (t *Table) Why(index int, r *message.Request) string {
	p := &t.routes[index]
	if !p.path.match(r.Path) {
		return "path differs"
	}
	if p.method != "" && string(r.Method) != p.method {
		return "method is not " + p.method
	}
	for i := range p.headers {
		if !p.headers[i].match(r) {
			return "header " + p.headers[i].name.Lower + " differs"
		}
	}
	for i := range p.query {
		if !p.query[i].match(r.Query) {
			return "query parameter " + p.query[i].name + " differs"
		}
	}
	return ""
}

func (p *pathPredicate) match(path []byte) bool {
	switch p.kind {
	case ir.PathExact:
		return string(path) == p.value
	case ir.PathRegex:
		return p.regex.Match(path)
	case ir.PathStart:
		return len(path) >= len(p.value) && string(path[:len(p.value)]) == p.value
	case ir.PathStartFold:
		return len(path) >= len(p.value) && bytes.EqualFold(path[:len(p.value)], p.fold)
	}
	n := len(p.value)
	return path[0] == '/' && len(path) >= n && string(path[:n]) == p.value && (len(path) == n || path[n] == '/')
}
