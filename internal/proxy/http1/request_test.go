package http1

import (
	"fmt"
	"strings"
	"testing"

	"fsm/internal/proxy/message"
)

// request is a head that is valid but for what a case puts in.
func request(line string, headers ...string) string {
	return line + "\r\n" + strings.Join(append([]string{"Host: a.example"}, headers...), "\r\n") + "\r\n\r\n"
}

// TestParseRequestAccepts has one case for each thing that must not be refused.
func TestParseRequestAccepts(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want string // method, authority, path, query, length, and what else was found
	}{
		"simple":              {request("GET / HTTP/1.1"), `GET a.example "/" "" -2 keep`},
		"query":               {request("GET /a?b=c?d HTTP/1.1"), `GET a.example "/a" "b=c?d" -2 keep`},
		"empty query":         {request("GET /a? HTTP/1.1"), `GET a.example "/a" "" -2 keep query`},
		"empty line before":   {"\r\n" + request("GET / HTTP/1.1"), `GET a.example "/" "" -2 keep`},
		"length":              {request("POST / HTTP/1.1", "Content-Length: 5"), `POST a.example "/" "" 5 keep`},
		"zero length":         {request("POST / HTTP/1.1", "content-length: 0"), `POST a.example "/" "" 0 keep`},
		"chunked":             {request("POST / HTTP/1.1", "transfer-encoding: Chunked"), `POST a.example "/" "" -1 keep`},
		"close":               {request("GET / HTTP/1.1", "Connection: Close"), `GET a.example "/" "" -2`},
		"HTTP/1.0":            {"GET / HTTP/1.0\r\n\r\n", `GET  "/" "" -2 1.0`},
		"HTTP/1.0 keep-alive": {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", `GET  "/" "" -2 keep 1.0`},
		"absolute form":       {request("GET http://A.EXAMPLE/x?y HTTP/1.1"), `GET a.example "/x" "y" -2 keep`},
		"absolute, no path":   {request("GET http://a.example HTTP/1.1"), `GET a.example "/" "" -2 keep`},
		"absolute, query":     {request("GET http://a.example?x=/y HTTP/1.1"), `GET a.example "/" "x=/y" -2 keep`},
		"asterisk":            {request("OPTIONS * HTTP/1.1"), `OPTIONS a.example "*" "" -2 keep`},
		"own method":          {request("purge / HTTP/1.1"), `purge a.example "/" "" -2 keep`},
		"two slashes":         {request("GET //a//b HTTP/1.1"), `GET a.example "//a//b" "" -2 keep`},
		"encoded slash":       {request("GET /a%2Fb HTTP/1.1"), `GET a.example "/a%2Fb" "" -2 keep`},
		"encoded backslash":   {request("GET /a%5Cb HTTP/1.1"), `GET a.example "/a%5Cb" "" -2 keep`},
		"UTF-8":               {request("GET /%C3%A9 HTTP/1.1"), `GET a.example "/%C3%A9" "" -2 keep`},
		"Latin-1":             {request("GET /%E9 HTTP/1.1"), `GET a.example "/%E9" "" -2 keep`},
		"dots in names":       {request("GET /.a/..b/c.d/... HTTP/1.1"), `GET a.example "/.a/..b/c.d/..." "" -2 keep`},
		"semicolon":           {request("GET /a;b=c/d HTTP/1.1"), `GET a.example "/a;b=c/d" "" -2 keep`},
		"dots in query":       {request("GET /?../.. HTTP/1.1"), `GET a.example "/" "../.." -2 keep`},
		"websocket":           {request("GET / HTTP/1.1", "Connection: keep-alive, Upgrade", "Upgrade: websocket"), `GET a.example "/" "" -2 keep upgrade=websocket`},
		"h2c upgrade":         {request("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x"), `GET a.example "/" "" -2 keep`},
		"upgrade, no token":   {request("GET / HTTP/1.1", "Upgrade: websocket"), `GET a.example "/" "" -2 keep`},
		"upgrade with body":   {request("POST / HTTP/1.1", "Connection: upgrade", "Upgrade: x", "Content-Length: 2"), `POST a.example "/" "" 2 keep`},
		"expect":              {request("POST / HTTP/1.1", "Expect: 100-Continue", "Content-Length: 2"), `POST a.example "/" "" 2 keep expects`},
		"expect in 1.0":       {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", `POST  "/" "" 2 1.0`},
		"IPv6":                {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", `GET [::1]:80 "/" "" -2 keep`},
		"empty value":         {request("GET / HTTP/1.1", "X:"), `GET a.example "/" "" -2 keep X=""`},
		"value with tabs":     {request("GET / HTTP/1.1", "X: \t a\tb \t"), `GET a.example "/" "" -2 keep X="a\tb"`},
		"value not ASCII":     {request("GET / HTTP/1.1", "X: \xe9"), `GET a.example "/" "" -2 keep X="\xe9"`},
		"underscore dropped":  {request("GET / HTTP/1.1", "X_Forwarded_For: a", "Y: b"), `GET a.example "/" "" -2 keep Y="b"`},
		"hop by hop":          {request("GET / HTTP/1.1", "Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: 2", "TE: trailers", "Y: b"), `GET a.example "/" "" -2 Y="b" trailers`},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.in + "NEXT"
			var r message.Request
			var info RequestInfo
			n, err := ParseRequest([]byte(in), &r, &info, &benchLimits)
			if err != nil {
				t.Fatal(err)
			}
			if n != len(c.in) {
				t.Errorf("head has %d bytes, want %d", n, len(c.in))
			}
			if got := describe(&r, &info); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			for i := range len(c.in) {
				if n, err := ParseRequest([]byte(in[:i]), &r, &info, &benchLimits); n != 0 || err != nil {
					t.Fatalf("first %d bytes: got %d, %v, want to be asked for more", i, n, err)
				}
			}
		})
	}
}

func describe(r *message.Request, info *RequestInfo) string {
	s := fmt.Sprintf("%s %s %q %q %d", r.Method, r.Authority, r.Path, r.Query, r.Length)
	for _, c := range []struct {
		set  bool
		text string
	}{
		{info.KeepAlive, "keep"}, {info.Version10, "1.0"}, {r.Query != nil && len(r.Query) == 0, "query"},
		{r.Upgrade != nil, "upgrade=" + string(r.Upgrade)}, {r.Expects100, "expects"},
	} {
		if c.set {
			s += " " + c.text
		}
	}
	for _, f := range r.Header.Fields() {
		if f.Name != nil {
			s += fmt.Sprintf(" %s=%q", f.Name, f.Value)
		}
	}
	if r.Trailers {
		s += " trailers"
	}
	return s
}

// TestConnectionCannotRemoveProtected: a client must not be able to take away
// what it is not the author of by naming it hop-by-hop.
func TestConnectionCannotRemoveProtected(t *testing.T) {
	for _, name := range []string{
		"X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-PROTO", "X-Forwarded-Prefix", "Forwarded", "Authorization",
		"AUTHORIZATION", "Cookie", "X-Real-Ip", "Traceparent", "Tracestate", "Content-Type", "Content-Encoding",
		"Cache-Control", "Accept", "If-Match", "Range", "Via", "Origin", "User-Agent", "X-Request-Id",
	} {
		for _, list := range []string{name, "close, " + name, name + ", keep-alive", ", ," + name + " ,"} {
			in := request("GET / HTTP/1.1", "Connection: "+list, name+": kept")
			var r message.Request
			var info RequestInfo
			if _, err := ParseRequest([]byte(in), &r, &info, &benchLimits); err != nil {
				t.Fatal(err)
			}
			n := message.MakeName(name)
			if v, ok := r.Header.Get(&n); !ok || string(v) != "kept" {
				t.Errorf("Connection: %s removed %s", list, name)
			}
		}
	}
}

// TestPathPolicies has a path in all its disguises under each policy: the path
// that comes out, or a dash for a refusal.
//
// Long because it is a table.
func TestPathPolicies(t *testing.T) {
	for _, c := range []struct{ path, reject, normalise, keep string }{
		{"/", "/", "/", "/"},
		{"/a", "/a", "/a", "/a"},
		{"/a/", "/a/", "/a/", "/a/"},
		{"//", "//", "/", "//"},
		{"//a", "//a", "/a", "//a"},
		{"/a//b", "/a//b", "/a/b", "/a//b"},
		{"/.", "-", "/", "/."},
		{"/./", "-", "/", "/./"},
		{"/..", "-", "/", "/.."},
		{"/../", "-", "/", "/../"},
		{"/a/./b", "-", "/a/b", "/a/./b"},
		{"/a/../b", "-", "/b", "/a/../b"},
		{"/a/..", "-", "/", "/a/.."},
		{"/a/b/..", "-", "/a/", "/a/b/.."},
		{"/a/.", "-", "/a/", "/a/."},
		{"/../../a", "-", "/a", "/../../a"},
		{"/%2e", "-", "/", "/%2e"},
		{"/%2e%2e/a", "-", "/a", "/%2e%2e/a"},
		{"/%2E%2E/a", "-", "/a", "/%2E%2E/a"},
		{"/.%2e/a", "-", "/a", "/.%2e/a"},
		{"/%2e./a", "-", "/a", "/%2e./a"},
		{"/a/%2e%2e%2fb", "-", "-", "/a/%2e%2e%2fb"},
		{"/a%2f..%2fb", "-", "-", "/a%2f..%2fb"},
		{"/a%5c..%5cb", "-", "-", "/a%5c..%5cb"},
		{"/..%5ca", "-", "-", "/..%5ca"},
		{"/..;/a", "-", "-", "/..;/a"},
		{"/..;x=y/a", "-", "-", "/..;x=y/a"},
		{"/.;/a", "-", "-", "/.;/a"},
		{"/a;/../b", "-", "/b", "/a;/../b"},
		{"/...", "/...", "/...", "/..."},
		{"/....", "/....", "/....", "/...."},
		{"/a..b", "/a..b", "/a..b", "/a..b"},
		{"/..a", "/..a", "/..a", "/..a"},
		{"/a..", "/a..", "/a..", "/a.."},
		{"/.a", "/.a", "/.a", "/.a"},
		{"/.well-known/x", "/.well-known/x", "/.well-known/x", "/.well-known/x"},
		{"/a%2fb", "/a%2fb", "/a%2Fb", "/a%2fb"},
		{"/a%5cb", "/a%5cb", "/a%5Cb", "/a%5cb"},
		{"/%61", "/%61", "/a", "/%61"},
		{"/%41%7e", "/%41%7e", "/A~", "/%41%7e"},
		{"/%20", "/%20", "/%20", "/%20"},
		{"/%c3%a9", "/%c3%a9", "/%C3%A9", "/%c3%a9"},
		{"/%25%32%65", "/%25%32%65", "/%252e", "/%25%32%65"},
		{"/%252e%252e/", "/%252e%252e/", "/%252e%252e/", "/%252e%252e/"},
		{"/a;b", "/a;b", "/a;b", "/a;b"},
		{"/a;..;b", "/a;..;b", "/a;..;b", "/a;..;b"},
		{"/a;b/../c", "-", "/c", "/a;b/../c"},
		{"/%00", "-", "-", "-"},
		{"/a%00b", "-", "-", "-"},
		{"/%c0%ae%c0%ae/", "-", "-", "-"},
		{"/%C0%AF", "-", "-", "-"},
		{"/%c1%9c", "-", "-", "-"},
		{"/%e0%80%ae", "-", "-", "-"},
		{"/%e0%a0%80", "/%e0%a0%80", "/%E0%A0%80", "/%e0%a0%80"},
		{"/%f0%80%80%ae", "-", "-", "-"},
		{"/%f0%9f%98%80", "/%f0%9f%98%80", "/%F0%9F%98%80", "/%f0%9f%98%80"},
		{"/%", "-", "-", "-"},
		{"/%2", "-", "-", "-"},
		{"/%2g", "-", "-", "-"},
		{"/%u002e", "-", "-", "-"},
		{"/a|b", "/a|b", "/a|b", "/a|b"},
		{"/A", "/A", "/A", "/A"},
	} {
		for policy, want := range map[Paths]string{RejectDotSegments: c.reject, NormalisePaths: c.normalise, KeepDotSegments: c.keep} {
			lim := benchLimits
			lim.Paths = policy
			var r message.Request
			var info RequestInfo
			_, err := ParseRequest([]byte(request("GET "+c.path+"?q HTTP/1.1")), &r, &info, &lim)
			got := string(r.Path)
			if err != nil {
				got = "-"
			}
			if got != want {
				t.Errorf("policy %d: %s became %s, want %s", policy, c.path, got, want)
			}
		}
	}
}

func TestUnderscorePolicies(t *testing.T) {
	in := []byte(request("GET / HTTP/1.1", "X_Y: 1"))
	for policy, want := range map[Underscores]string{DropUnderscores: "dropped", RejectUnderscores: "refused", AllowUnderscores: "kept"} {
		lim := benchLimits
		lim.Underscores = policy
		var r message.Request
		var info RequestInfo
		_, err := ParseRequest(in, &r, &info, &lim)
		got := "dropped"
		if err != nil {
			got = "refused"
		} else if r.Header.Count() > 0 {
			got = "kept"
		}
		if got != want {
			t.Errorf("policy %d: header was %s, want %s", policy, got, want)
		}
	}
}

// TestForwardedHead: what is not changed is forwarded byte for byte, and what
// belongs to the client's connection is not.
func TestForwardedHead(t *testing.T) {
	in := "POST /a%2Fb?c=d HTTP/1.1\r\nUser-Agent:  x \r\nHost: a.example:81\r\nConnection: keep-alive, X-Hop\r\nx-hop: 1\r\n" +
		"ACCEPT: */*\r\nContent-Length: 3\r\nKeep-Alive: 5\r\nX-A: 1\r\nx-a: 2\r\nUpgrade: h2c\r\n\r\n"
	want := "POST /a%2Fb?c=d HTTP/1.1\r\nHost: a.example:81\r\nConnection: keep-alive\r\nUser-Agent:  x \r\nACCEPT: */*\r\nX-A: 1\r\nx-a: 2\r\n" +
		"Content-Length: 3\r\n\r\n"
	var r message.Request
	var info RequestInfo
	if _, err := ParseRequest([]byte(in), &r, &info, &benchLimits); err != nil {
		t.Fatal(err)
	}
	if got := string(AppendRequest(nil, &r)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
