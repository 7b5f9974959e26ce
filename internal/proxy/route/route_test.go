package route

import (
	"fmt"
	"strings"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// request makes a request with a path, a query, a method and header lines.
func request(method, target string, headers ...string) *message.Request {
	r := &message.Request{Method: []byte(method), Authority: []byte("a.example")}
	path, query, has := strings.Cut(target, "?")
	r.Path = []byte(path)
	if has {
		r.Query = []byte(query)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		n := message.MakeName(name)
		r.Header.Add(&n, []byte(value))
	}
	return r
}

func table(t testing.TB, matches ...ir.Match) *Table {
	t.Helper()
	var routes []*ir.Route
	for _, m := range matches {
		routes = append(routes, &ir.Route{Match: m})
	}
	compiled, err := Compile(routes)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func prefix(p string) ir.Match { return ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: p}} }
func exact(p string) ir.Match  { return ir.Match{Path: ir.PathMatch{Kind: ir.PathExact, Value: p}} }
func regex(p string) ir.Match  { return ir.Match{Path: ir.PathMatch{Kind: ir.PathRegex, Value: p}} }

func start(p string) ir.Match { return ir.Match{Path: ir.PathMatch{Kind: ir.PathStart, Value: p}} }
func fold(p string) ir.Match  { return ir.Match{Path: ir.PathMatch{Kind: ir.PathStartFold, Value: p}} }

func TestPathKinds(t *testing.T) {
	for _, c := range []struct {
		match  ir.Match
		path   string
		prefix int // -1 for no match
	}{
		{prefix("/"), "/", 0}, {prefix("/"), "/a", 0},
		{prefix("/foo"), "/foo", 4}, {prefix("/foo"), "/foo/", 4}, {prefix("/foo"), "/foo/bar", 4}, {prefix("/foo"), "/foobar", -1},
		{prefix("/foo"), "/Foo", -1}, {prefix("/foo"), "/fo", -1}, {prefix("/foo/"), "/foo", 4}, {prefix("/foo/"), "/foo/bar", 4},
		{prefix("/a%2Fb"), "/a%2Fb/c", 6}, {prefix("/a%2Fb"), "/a/b", -1}, {prefix("/"), "*", -1},
		{exact("/foo"), "/foo", 4}, {exact("/foo"), "/foo/", -1}, {exact("/foo/"), "/foo", -1}, {exact("*"), "*", 1},
		{regex("/[a-z]+"), "/abc", 4}, {regex("/[a-z]+"), "/abc1", -1}, {regex("/[a-z]+"), "x/abc", -1}, {regex("/a|/b"), "/bc", -1},
		{start("/foo"), "/foobar", 4}, {start("/foo/"), "/foo/bar", 5}, {start("/foo/"), "/foo", -1}, {start("/foo"), "/Foo", -1}, {start("/foo"), "/fo", -1},
		{fold("/Foo"), "/fOObar", 4}, {fold("/Foo"), "/fo", -1}, {fold("/"), "*", -1},
		{ir.Match{}, "/anything", 0},
	} {
		i, n := table(t, c.match).Match(request("GET", c.path))
		if (i == 0) != (c.prefix >= 0) || i == 0 && n != c.prefix {
			t.Errorf("%s, path %s: got %d with prefix %d, want %d", ir.FormatMatch(c.match), c.path, i, n, c.prefix)
		}
	}
}

func upgrade(r *message.Request) *message.Request {
	r.Upgrade = []byte("websocket")
	return r
}

func length(r *message.Request, n int64) *message.Request {
	r.Length = n
	return r
}

func TestPredicates(t *testing.T) {
	value := func(name, value string) []ir.ValueMatch { return []ir.ValueMatch{{Name: name, Value: value}} }
	re := func(name, value string) []ir.ValueMatch {
		return []ir.ValueMatch{{Name: name, Kind: ir.ValueRegex, Value: value}}
	}
	for name, c := range map[string]struct {
		match ir.Match
		r     *message.Request
		want  bool
	}{
		"method":                {ir.Match{Method: "GET"}, request("GET", "/"), true},
		"other method":          {ir.Match{Method: "GET"}, request("HEAD", "/"), false},
		"method's case":         {ir.Match{Method: "GET"}, request("get", "/"), false},
		"header":                {ir.Match{Headers: value("X-A", "b")}, request("GET", "/", "x-a: b"), true},
		"header's case":         {ir.Match{Headers: value("X-A", "b")}, request("GET", "/", "x-a: B"), false},
		"header missing":        {ir.Match{Headers: value("X-A", "")}, request("GET", "/"), false},
		"header empty":          {ir.Match{Headers: value("X-A", "")}, request("GET", "/", "X-A: "), true},
		"header lines joined":   {ir.Match{Headers: value("X-A", "b,c")}, request("GET", "/", "X-A: b", "x-a: c"), true},
		"header regex":          {ir.Match{Headers: re("X-A", "b+")}, request("GET", "/", "X-A: bbb"), true},
		"header regex, part":    {ir.Match{Headers: re("X-A", "b+")}, request("GET", "/", "X-A: abb"), false},
		"known header":          {ir.Match{Headers: value("User-Agent", "x")}, request("GET", "/", "user-agent: x"), true},
		"host as header":        {ir.Match{Headers: value("Host", "a.example")}, request("GET", "/"), true},
		"upgrade":               {ir.Match{Headers: value("Upgrade", "websocket")}, upgrade(request("GET", "/")), true},
		"no upgrade":            {ir.Match{Headers: re("Upgrade", ".*")}, request("GET", "/"), false},
		"length":                {ir.Match{Headers: value("Content-Length", "12")}, length(request("POST", "/"), 12), true},
		"no length":             {ir.Match{Headers: re("Content-Length", ".*")}, length(request("POST", "/"), message.UnknownLength), false},
		"query":                 {ir.Match{Query: value("a", "b")}, request("GET", "/?a=b"), true},
		"query later":           {ir.Match{Query: value("a", "b")}, request("GET", "/?x=y&a=b&c"), true},
		"query first counts":    {ir.Match{Query: value("a", "b")}, request("GET", "/?a=c&a=b"), false},
		"query encoded":         {ir.Match{Query: value("a b", "c&d")}, request("GET", "/?a+b=c%26d"), true},
		"query's case":          {ir.Match{Query: value("A", "b")}, request("GET", "/?a=b"), false},
		"query without value":   {ir.Match{Query: value("a", "")}, request("GET", "/?a"), true},
		"query missing":         {ir.Match{Query: value("a", "")}, request("GET", "/"), false},
		"query broken encoding": {ir.Match{Query: value("a", "%zz")}, request("GET", "/?a=%zz"), true},
		"query regex":           {ir.Match{Query: re("a", "[0-9]+")}, request("GET", "/?a=12"), true},
		"query regex, encoded":  {ir.Match{Query: re("a", "[0-9]+")}, request("GET", "/?a=%31%32"), true},
	} {
		if i, _ := table(t, c.match).Match(c.r); (i == 0) != c.want {
			t.Errorf("%s: got %d", name, i)
		}
	}
}

// TestOrder: the table's order decides, whichever index finds a route.
func TestOrder(t *testing.T) {
	tab := table(t, exact("/a/b"), prefix("/a/b/c"), prefix("/a/b"), regex("/a/.*"), prefix("/a"), exact("/a"), prefix("/"))
	starts := table(t, start("/ab"), prefix("/a"), start("/a"), regex("/abc|/b"), start("/"))
	for path, want := range map[string]int{"/abc": 0, "/a/b": 1, "/a": 1, "/ac": 2, "/b": 3, "/c": 4} {
		if i, _ := starts.Match(request("GET", path)); i != want {
			t.Errorf("%s: got route %d, want %d", path, i, want)
		}
	}
	for path, want := range map[string]int{"/a/b": 0, "/a/b/c": 1, "/a/b/c/d": 1, "/a/b/x": 2, "/a/x": 3, "/a": 4, "/ab": 6, "/": 6} {
		if i, _ := tab.Match(request("GET", path)); i != want {
			t.Errorf("%s: got route %d, want %d", path, i, want)
		}
	}
}

func TestHosts(t *testing.T) {
	names := []string{"a.b.c", "*.b.c", "*.c", "", "x.y", "A.Upper"}
	h := MakeHosts(names, names)
	for host, want := range map[string]string{
		"a.b.c": "[a.b.c *.b.c *.c ]", "A.B.C:80": "[a.b.c *.b.c *.c ]", "a.b.c.": "[a.b.c *.b.c *.c ]",
		"z.b.c": "[*.b.c *.c ]", "y.z.b.c": "[*.b.c *.c ]", "b.c": "[*.c ]", "c": "[]", "x.y": "[x.y ]", "z.x.y": "[]",
		"a.upper": "[A.Upper ]", "[::1]:80": "[]", "": "[]", ".c": "[]",
	} {
		if got := fmt.Sprint(h.Lookup([]byte(host))); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
	if got := MakeHosts([]string{"a"}, []int{1}).Lookup([]byte("b")); got != nil {
		t.Errorf("got %v for a name nobody has", got)
	}
}

// FuzzTable compares the index with looking at one route after the other.
func FuzzTable(f *testing.F) {
	f.Add("p/a\np/a/b\ne/a/b\nr/a.*\np/", "GET /a/b/c?x=1\nGET /ab\nGET /")
	f.Add("s/ab\np/a\nf/A\nr/abc\ns/", "GET /abc\nGET /aB\nGET /a\nGET /c")
	f.Add("mGET p/\nhX=1 p/a\nqx=1 p/a", "GET /a?x=1 X: 1\nPOST /a")
	f.Fuzz(func(t *testing.T, tableText, requests string) {
		var routes []*ir.Route
		for line := range strings.SplitSeq(tableText, "\n") {
			routes = append(routes, &ir.Route{Match: parseMatch(line)})
		}
		tab, err := Compile(routes)
		if err != nil {
			return
		}
		for line := range strings.SplitSeq(requests, "\n") {
			words := strings.SplitN(line, " ", 3)
			if len(words) < 2 || len(words[1]) == 0 || words[1][0] != '/' {
				continue
			}
			r := request(words[0], words[1], words[2:]...)
			want := -1
			for i := range routes {
				if tab.Why(i, r) == "" {
					want = i
					break
				}
			}
			if got, _ := tab.Match(r); got != want {
				t.Fatalf("table %q, request %q: index finds %d, one by one %d", tableText, line, got, want)
			}
		}
	})
}

// parseMatch reads "mGET hX=1 qa=b p/prefix", "e/exact", "s/start", "f/start" without
// regard to case, or "r/regex".
func parseMatch(line string) ir.Match {
	var m ir.Match
	for word := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(word[1:], "=")
		switch word[0] {
		case 'm':
			m.Method = word[1:]
		case 'h':
			m.Headers = append(m.Headers, ir.ValueMatch{Name: name, Value: value})
		case 'q':
			m.Query = append(m.Query, ir.ValueMatch{Name: name, Value: value})
		case 'p':
			m.Path = ir.PathMatch{Kind: ir.PathPrefix, Value: "/" + strings.TrimLeft(word[1:], "/")}
		case 'e':
			m.Path = ir.PathMatch{Kind: ir.PathExact, Value: word[1:]}
		case 's':
			m.Path = ir.PathMatch{Kind: ir.PathStart, Value: word[1:]}
		case 'f':
			m.Path = ir.PathMatch{Kind: ir.PathStartFold, Value: word[1:]}
		case 'r':
			m.Path = ir.PathMatch{Kind: ir.PathRegex, Value: word[1:]}
		}
	}
	return m
}

// BenchmarkMatch is a look-up among 5,000 routes.
func BenchmarkMatch(b *testing.B) {
	for name, path := range map[string]string{"paths": "/route-%d", "deep": "/api/v1/service-%d/items"} {
		b.Run(name, func(b *testing.B) {
			var matches []ir.Match
			for i := range 5000 {
				matches = append(matches, prefix(fmt.Sprintf(path, i)))
			}
			tab := table(b, matches...)
			r := request("GET", fmt.Sprintf(path, 4321)+"/x")
			b.ReportAllocs()
			for b.Loop() {
				if i, _ := tab.Match(r); i != 4321 {
					b.Fatal(i)
				}
			}
		})
	}
	b.Run("hosts", func(b *testing.B) {
		var names []string
		var values []int
		for i := range 5000 {
			names, values = append(names, fmt.Sprintf("host-%d.example.com", i)), append(values, i)
		}
		h := MakeHosts(names, values)
		host := []byte("host-4321.example.com")
		b.ReportAllocs()
		for b.Loop() {
			if v := h.Lookup(host); v[0] != 4321 {
				b.Fatal(v)
			}
		}
	})
}

// TestAllocStarts: paths that are compared byte by byte cost no allocation.
func TestAllocStarts(t *testing.T) {
	tab := table(t, start("/a/"), fold("/B"))
	for _, path := range []string{"/a/x", "/bx", "/c"} {
		r := request("GET", path)
		if n := testing.AllocsPerRun(100, func() { tab.Match(r) }); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}
