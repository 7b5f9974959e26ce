package filter_test

import (
	"cmp"
	"errors"
	"net/netip"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
)

// compile makes a list of filters.
func compile(t *testing.T, env *filter.Env, filters ...ir.Filter) []filter.Filter {
	t.Helper()
	list, err := filter.New(filters, env)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// exchange is a request for a URL without scheme, such as "GET example.com/a?b",
// with header lines.
func exchange(request string, lines ...string) *message.Exchange {
	x := &message.Exchange{Connection: &message.Connection{Port: 80, Local: netip.MustParseAddrPort("192.0.2.1:80")}}
	x.Reset()
	method, target, _ := strings.Cut(request, " ")
	host, path := target, "*"
	if i := strings.IndexByte(target, '/'); i >= 0 {
		host, path = target[:i], target[i:]
	}
	path, query, asked := strings.Cut(path, "?")
	r := &x.Request
	r.Method, r.Authority, r.Path = []byte(method), []byte(host), []byte(path)
	if asked {
		r.Query = []byte(query)
	}
	add(&r.Header, lines)
	return x
}

func add(h *message.Header, lines []string) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		n := message.MakeName(name)
		h.Add(&n, []byte(value))
	}
}

// lines are those of a header.
func lines(h *message.Header) []string {
	text := strings.TrimSuffix(string(h.AppendHTTP1(nil)), "\r\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\r\n")
}

// url is where the request goes by now, as exchange reads it.
func url(r *message.Request) string {
	s := string(r.Authority) + string(r.Path)
	if r.Query != nil {
		s += "?" + string(r.Query)
	}
	return s
}

// answer lets filters see a request and a backend's response to it, unless they
// answer themselves.
func answer(t *testing.T, list []filter.Filter, x *message.Exchange, response ...string) (status int, header []string) {
	t.Helper()
	x.Response.Status = 200
	h := &x.Response.Header
	add(h, response)
	applied := 0
	for _, f := range list {
		applied++
		if err := f.Request(x); err != nil {
			reply, ok := errors.AsType[*message.Reply](err)
			if !ok {
				t.Fatal(err)
			}
			h.Reset(nil)
			x.Response.Status = reply.Status
			for _, field := range reply.Header {
				h.AddField(field.ID, field.Name, field.Value)
			}
			break
		}
	}
	for ; applied > 0; applied-- {
		list[applied-1].Response(x)
	}
	return x.Response.Status, lines(h)
}

func TestRequestHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		change   ir.RequestHeaders
		in, want []string
		host     string // where it is not example.com
	}{
		"set replaces all lines in the first one's place": {
			ir.RequestHeaders{Set: []ir.HeaderField{{Name: "x-a", Value: "new"}}},
			[]string{"X-A: 1", "X-B: 2", "x-a: 3"}, []string{"X-A: new", "X-B: 2"}, "",
		},
		"set makes a line": {
			ir.RequestHeaders{Set: []ir.HeaderField{{Name: "X-A", Value: "1"}}}, nil, []string{"X-A: 1"}, "",
		},
		"set to nothing": {
			ir.RequestHeaders{Set: []ir.HeaderField{{Name: "X-A", Value: ""}}}, []string{"X-A: 1"}, []string{"X-A: "}, "",
		},
		"add joins what is there": {
			ir.RequestHeaders{Add: []ir.HeaderField{{Name: "x-a", Value: "3,4"}}},
			[]string{"X-A: 1", "X-A: 2"}, []string{"X-A: 1,2,3,4"}, "",
		},
		"add makes a line": {
			ir.RequestHeaders{Add: []ir.HeaderField{{Name: "X-A", Value: "1"}}}, []string{"X-B: 2"}, []string{"X-B: 2", "X-A: 1"}, "",
		},
		"remove": {
			ir.RequestHeaders{Remove: []string{"x-a", "X-None"}}, []string{"X-A: 1", "X-B: 2", "X-a: 3"}, []string{"X-B: 2"}, "",
		},
		"names that begin alike": {
			ir.RequestHeaders{Remove: []string{"X-A"}}, []string{"X-A-B: 1", "X-AA: 2"}, []string{"X-A-B: 1", "X-AA: 2"}, "",
		},
		"known names": {
			ir.RequestHeaders{Set: []ir.HeaderField{{Name: "user-agent", Value: "me"}}, Remove: []string{"cookie", "authorization"}},
			[]string{"User-Agent: you", "Cookie: a", "Authorization: b"}, []string{"User-Agent: me"}, "",
		},
		"one forwarding header of several": {
			ir.RequestHeaders{Remove: []string{"X-Forwarded-Prefix"}},
			[]string{"X-Forwarded-Prefix: /a", "X-Forwarded-Ssl: on"}, []string{"X-Forwarded-Ssl: on"}, "",
		},
		"host is the authority": {
			ir.RequestHeaders{Set: []ir.HeaderField{{Name: "host", Value: "other.example"}}}, nil, nil, "other.example",
		},
		"framing stays": {
			ir.RequestHeaders{Set: []ir.HeaderField{{Name: "Content-Length", Value: "7"}}, Add: []ir.HeaderField{{Name: "Transfer-Encoding", Value: "chunked"}}},
			[]string{"X-A: 1"}, []string{"X-A: 1"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange("GET example.com/", c.in...)
			for _, f := range compile(t, nil, &c.change) {
				if err := f.Request(x); err != nil {
					t.Fatal(err)
				}
			}
			if diff := gocmp.Diff(c.want, lines(&x.Request.Header)); diff != "" {
				t.Error(diff)
			}
			if want := cmp.Or(c.host, "example.com"); string(x.Request.Authority) != want {
				t.Errorf("host is %s, want %s", x.Request.Authority, want)
			}
		})
	}
}

func TestResponseHeaders(t *testing.T) {
	list := compile(t, nil, &ir.ResponseHeaders{
		Set:    []ir.HeaderField{{Name: "Server", Value: "ours"}},
		Add:    []ir.HeaderField{{Name: "Set-Cookie", Value: "c=3"}, {Name: "X-A", Value: "2"}},
		Remove: []string{"X-Secret"},
	})
	x := exchange("GET example.com/", "X-Secret: client")
	_, got := answer(t, list, x, "Server: theirs", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-A: 1", "X-Secret: s")
	want := []string{"Server: ours", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-A: 1,2", "Set-Cookie: c=3"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := lines(&x.Request.Header); len(got) != 1 {
		t.Errorf("the request was changed: %q", got)
	}
}

// TestOrder: filters see requests in the order of the list and responses
// backwards, those that a filter makes included.
func TestOrder(t *testing.T) {
	mark := func(v string) *ir.ResponseHeaders {
		return &ir.ResponseHeaders{Add: []ir.HeaderField{{Name: "X-Seen", Value: v}}}
	}
	add := func(v string) *ir.RequestHeaders {
		return &ir.RequestHeaders{Add: []ir.HeaderField{{Name: "X-Seen", Value: v}}}
	}
	x := exchange("GET example.com/")
	list := compile(t, nil, mark("1"), add("1"), mark("2"), add("2"), &ir.Redirect{Status: 307}, mark("3"))
	status, got := answer(t, list, x)
	if status != 307 {
		t.Errorf("status %d, want 307", status)
	}
	if diff := gocmp.Diff([]string{"Location: http://example.com/", "X-Seen: 2,1"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff([]string{"X-Seen: 1,2"}, lines(&x.Request.Header)); diff != "" {
		t.Error(diff)
	}
}

func TestMirror(t *testing.T) {
	var sent []string
	next := uint32(0)
	env := &filter.Env{
		Dispatch: func(x *message.Exchange, b ir.BackendName) { sent = append(sent, string(b)+" "+url(&x.Request)) },
		Random: func(n uint32) uint32 {
			next++
			return (next - 1) % n
		},
	}
	list := compile(t, env,
		&ir.Mirror{Backend: "before", Numerator: 1, Denominator: 1},
		&ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: "/new"}},
		&ir.Mirror{Backend: "third", Numerator: 1, Denominator: 3},
	)
	for range 3 {
		if status, _ := answer(t, list, exchange("GET a/?q")); status != 200 {
			t.Errorf("a mirror answered %d", status)
		}
	}
	want := []string{"before a/?q", "third a/new?q", "before a/?q", "before a/?q"}
	if diff := gocmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}

// TestUnknown: a filter that is not known is refused, never left out.
func TestUnknown(t *testing.T) {
	if _, err := filter.New(ir.Filters{nil}, nil); err == nil {
		t.Error("no error")
	}
}
