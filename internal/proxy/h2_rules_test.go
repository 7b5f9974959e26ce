package proxy_test

import (
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// h2Head is a header list; less takes a field away, and with adds some.
type h2Head []string

func head() h2Head { return proxytest.H2Request("POST", "/") }

func (h h2Head) with(fields ...string) h2Head { return append(slices.Clone(h), fields...) }

func (h h2Head) less(name string) h2Head {
	i := slices.Index(h, name)
	return slices.Delete(slices.Clone(h), i, i+2)
}

func (h h2Head) set(name, value string) h2Head {
	h = slices.Clone(h)
	h[slices.Index(h, name)+1] = value
	return h
}

// malformedH2 are header lists that must not reach a backend, whatever they would
// mean in HTTP/1.1.
//
// Long because it is a table.
func malformedH2() map[string]h2Head {
	cases := map[string]h2Head{
		"no method": head().less(":method"), "no scheme": head().less(":scheme"), "no path": head().less(":path"),
		"method twice": head().with(":method", "GET"), "path twice": head().with(":path", "/x"), "scheme twice": head().with(":scheme", "http"),
		"authority twice": head().with(":authority", "a.example"), "pseudo last": head().less(":path").with("x", "y", ":path", "/"),
		"unknown pseudo": head().with(":foo", "x"), "status": head().with(":status", "200"), "protocol": head().with(":protocol", "websocket"),
		"empty pseudo": head().with(":", "x"),

		"path and line": head().set(":path", "/ HTTP/1.1\r\nX: y\r\n\r\n"), "path and more": head().set(":path", "/\r\nHost: b"),
		"path, LF": head().set(":path", "/\n"), "path, NUL": head().set(":path", "/\x00"), "path, space": head().set(":path", "/a b"),
		"path, tab": head().set(":path", "/\t"), "path, not ASCII": head().set(":path", "/\xe9"), "empty path": head().set(":path", ""),
		"relative path": head().set(":path", "a"), "fragment": head().set(":path", "/a#b"), "absolute path": head().set(":path", "http://b.example/"),
		"asterisk": head().set(":path", "*"), "backslash": head().set(":path", `/a\b`), "encoded NUL": head().set(":path", "/%00"),
		"broken encoding": head().set(":path", "/%zz"), "dot segment": head().set(":path", "/a/../b"),
		"query and line": head().set(":path", "/?a\r\nX: y"),

		"method and line": head().set(":method", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"), "method, space": head().set(":method", "GET /x"),
		"method, lower case": head().set(":method", "get"), "method, mixed case": head().set(":method", "Post"),
		"empty method": head().set(":method", ""), "method, colon": head().set(":method", "GE:T"),
		"scheme ftp": head().set(":scheme", "ftp"), "empty scheme": head().set(":scheme", ""), "scheme and line": head().set(":scheme", "http\r\nX: y"),

		"no host": head().less(":authority"), "empty authority": head().set(":authority", ""), "two hosts": head().less(":authority").with("host", "a", "host", "a"),
		"authority and another": head().with("host", "b.example"), "authority and two": head().with("host", "a.example", "host", "a.example"),
		"authority and line": head().set(":authority", "a\r\nX: y"), "authority, path": head().set(":authority", "a/b"),
		"authority, userinfo": head().set(":authority", "u@a.example"), "authority, comma": head().set(":authority", "a,b"),
		"authority, space": head().set(":authority", "a b"), "authority, port": head().set(":authority", "a:b"),

		"transfer-encoding": head().with("transfer-encoding", "chunked"), "connection": head().with("connection", "close"),
		"keep-alive": head().with("keep-alive", "timeout=5"), "proxy-connection": head().with("proxy-connection", "keep-alive"),
		"upgrade": head().with("upgrade", "websocket"), "te gzip": head().with("te", "gzip"), "te and more": head().with("te", "trailers, gzip"),

		"upper case": head().with("X-A", "y"), "upper case te": head().with("Transfer-Encoding", "chunked"), "empty name": head().with("", "y"),
		"name, space": head().with("x y", "z"), "name, colon": head().with("x:y", "z"), "name and line": head().with("x\r\ntransfer-encoding", "chunked"),
		"name, NUL": head().with("x\x00", "z"), "name, not ASCII": head().with("x\xe9", "z"), "name, trailing space": head().with("transfer-encoding ", "chunked"),
		"value and line": head().with("x", "y\r\ntransfer-encoding: chunked"), "value, LF": head().with("x", "y\ntransfer-encoding: chunked"),
		"value, CR": head().with("x", "y\rz"), "value, NUL": head().with("x", "y\x00"), "value, control": head().with("x", "y\x01"),
		"value, DEL": head().with("x", "y\x7f"), "value, leading space": head().with("x", " y"), "value, trailing tab": head().with("x", "y\t"),
		"cookie and line": head().with("cookie", "a=b\r\nX: y"),

		"two lengths": head().with("content-length", "4", "content-length", "5"), "same length twice": head().with("content-length", "4", "content-length", "4"),
		"length list": head().with("content-length", "4, 4"), "plus length": head().with("content-length", "+4"), "negative length": head().with("content-length", "-1"),
		"hex length": head().with("content-length", "0x4"), "empty length": head().with("content-length", ""), "huge length": head().with("content-length", "9999999999999999999"),
		"connect": {":method", "CONNECT", ":authority", "a.example:443"}, "connect to a path": head().set(":method", "CONNECT"),
		"expectation": head().with("expect", "a-cookie"),
	}
	return cases
}

// TestH2Malformed: nothing that is malformed, or that HTTP/1.1 would read as
// something else, reaches a backend; the connection goes on.
func TestH2Malformed(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := h2Gateway(t, b.Addr)
	random := rand.New(rand.NewPCG(1, 2))
	for name, fields := range malformedH2() {
		c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
		for i := range uint32(5) {
			list := fields
			if random.IntN(2) == 0 {
				list = fields.with("x-pad", strings.Repeat("p", random.IntN(100)))
			}
			c.Headers(2*i+1, false, list...)
			c.Data(2*i+1, true, "data")
			r := c.Response(2*i + 1)
			if refused := r.Status >= "400" && r.Status < "500" || r.Status == "501"; !refused && !(r.Reset && r.Code == http2.ErrCodeProtocol) {
				t.Errorf("%s: got %+v", name, r)
				break
			}
		}
		c.Close()
	}
	if seen := b.Seen(); seen != "" {
		t.Errorf("backend saw %.300q", seen)
	}
}

// TestH2MalformedContent: a request whose content is not what its head said never
// looks complete to a backend.
func TestH2MalformedContent(t *testing.T) {
	p := h2Gateway(t, served(t, func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			t.Errorf("backend got a whole request: %+v with %q", r, body)
		}
	}))
	for name, send := range map[string]func(c *proxytest.H2, id uint32){
		"less than its length": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/", "content-length", "5")
			c.Data(id, true, "1234")
		},
		"more than its length": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/", "content-length", "5")
			c.Data(id, true, "12345GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		},
		"length and none":   func(c *proxytest.H2, id uint32) { c.Get(id, "/", "content-length", "5") },
		"pseudo in trailer": func(c *proxytest.H2, id uint32) { c.Post(id, "/"); c.Headers(id, true, ":path", "/x") },
		"upper case in trailer": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/")
			c.Headers(id, true, "X", "y")
		},
		"line in trailer": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/")
			c.Headers(id, true, "x", "y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
		},
		"coding in trailer": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/")
			c.Headers(id, true, "transfer-encoding", "chunked")
		},
		"trailer is no end": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/")
			c.Headers(id, false, "x", "y")
			c.Data(id, true, "")
		},
		"large trailer": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/")
			c.Headers(id, true, slices.Repeat([]string{"x", "y"}, 101)...)
		},
		"reset": func(c *proxytest.H2, id uint32) {
			c.Post(id, "/")
			c.Data(id, false, "begin")
			c.Reset(id)
		},
	} {
		c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
		for i := range uint32(20) {
			send(c, 2*i+1)
			if name == "reset" {
				continue // which has no answer
			}
			if r := c.Response(2*i + 1); !r.Reset || r.Code != http2.ErrCodeProtocol && r.Code != http2.ErrCodeStreamClosed {
				t.Errorf("%s: got %+v", name, r)
			}
		}
		c.Write(func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) })
		c.Await("connection goes on", func(s *proxytest.H2State) bool { return s.Pongs > 0 || s.Ended != nil })
		c.Close()
	}
}

// TestH2HeaderLimits: what is too large is refused with a 431, by the size that it
// has in memory and not on the wire; the connection goes on.
func TestH2HeaderLimits(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	c := h2Dial(t, b.Addr)
	c.Await("settings", func(s *proxytest.H2State) bool { return s.Settings[http2.SettingMaxHeaderListSize] == 64<<10 })
	large := strings.Repeat("v", 3000)
	c.Get(1, "/", "x-large", large) // from here on in the table of the connection
	for i, fields := range [][]string{
		slices.Repeat([]string{"x", "y"}, 101), slices.Repeat([]string{"cookie", "a=b"}, 101), slices.Repeat([]string{"x-large", large}, 25),
		{"x", strings.Repeat("v", 70<<10)}, slices.Repeat([]string{"cookie", strings.Repeat("v", 1000)}, 66), {strings.Repeat("n", 66<<10), "v"},
	} {
		id := uint32(2*i + 3)
		block := c.Block(proxytest.H2Request("GET", "/", fields...)...)
		c.Write(func(f *http2.Framer) {
			first := block[:min(len(block), 16<<10)]
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: true, EndHeaders: len(first) == len(block)})
			for rest := block[len(first):]; len(rest) > 0; {
				n := min(len(rest), 16<<10)
				_ = f.WriteContinuation(id, n == len(rest), rest[:n])
				rest = rest[n:]
			}
		})
		if r := c.Response(id); r.Status != "431" || r.Header.Get("fsm-reason") != "header_too_large" {
			t.Errorf("case %d: got %+v", i, r)
		}
	}
	if n := strings.Count(b.Seen(), "GET /"); n != 1 {
		t.Errorf("backend saw %d requests", n)
	}
	c.Get(101, "/last", append(slices.Repeat([]string{"x", "y"}, 90), "x-large", large)...)
	if r := c.Response(101); r.Status != "200" || !strings.HasSuffix(strings.TrimSpace(strings.Split(b.Seen(), "x-large: ")[2]), "a.example") {
		t.Errorf("request after them: got %+v", r)
	}
	if r := func() proxytest.H2Stream { c.Get(103, "/"+strings.Repeat("p", 17<<10)); return c.Response(103) }(); r.Status != "414" {
		t.Errorf("long path: got %+v", r)
	}
}

// TestH2Translate: how parts of a request look to an HTTP/1.1 backend.
func TestH2Translate(t *testing.T) {
	for name, c := range map[string]struct {
		fields     h2Head
		want, none []string
	}{
		"crumbs":             {head().with("cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3"), []string{"cookie: a=1; b=2; c=3\r\n", "x: y\r\n"}, []string{"cookie: b"}},
		"one cookie":         {head().with("cookie", "a=1; b=2"), []string{"cookie: a=1; b=2\r\n"}, nil},
		"host only":          {head().less(":authority").with("host", "b.example"), []string{"\r\nHost: b.example\r\n"}, []string{"\r\nhost:"}},
		"authority and host": {head().with("host", "A.example"), []string{"\r\nHost: a.example\r\n"}, []string{"\r\nhost:"}},
		"port":               {head().set(":authority", "a.example:8080"), []string{"\r\nHost: a.example:8080\r\n"}, nil},
		"underscore":         {head().with("x_forwarded_for", "6.6.6.6", "x-kept", "1"), []string{"x-kept: 1"}, []string{"x_forwarded_for"}},
		"settings":           {head().with("http2-settings", "x"), nil, []string{"http2-settings"}},
		"query":              {head().set(":path", "/a?b?c"), []string{"POST /a?b?c HTTP/1.1\r\n"}, nil},
		"repeated":           {head().with("x", "1", "x", "2"), []string{"x: 1\r\nx: 2\r\n"}, nil},
		"empty value":        {head().with("x", ""), []string{"x: \r\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := proxytest.Serve(t, answer(ok))
			conn := h2Dial(t, b.Addr)
			conn.Headers(1, true, c.fields...)
			if r := conn.Response(1); r.Status != "200" {
				t.Fatalf("got %+v", r)
			}
			for _, want := range c.want {
				if !strings.Contains(b.Seen(), want) {
					t.Errorf("backend saw %q, want %q in it", b.Seen(), want)
				}
			}
			for _, none := range c.none {
				if strings.Contains(b.Seen(), none) {
					t.Errorf("backend saw %q, want no %q in it", b.Seen(), none)
				}
			}
		})
	}
}

func TestH2Underscores(t *testing.T) {
	for policy, want := range map[ir.HeaderPolicy]string{ir.HeaderReject: "400", ir.HeaderAllow: "200"} {
		b := proxytest.Serve(t, answer(ok))
		c := h2Dial(t, b.Addr, &ir.Options{UnderscoreHeaders: policy})
		c.Get(1, "/", "x_y", "z")
		r := c.Response(1)
		if r.Status != want || strings.Contains(b.Seen(), "x_y: z\r\n") != (want == "200") {
			t.Errorf("%v: got %+v, backend saw %q", policy, r, b.Seen())
		}
	}
}

// TestH2Misdirected: over one connection only the hosts of the listener that the
// server name chose are served; others are told to come over another one.
func TestH2Misdirected(t *testing.T) {
	ca := proxytest.NewAuthority(t, "ca")
	s := secure()
	proxytest.AddBackend(s, "b", proxytest.Serve(t, answer(ok)).Addr)
	addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"a.example", "b.example"}}))
	cert := &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}, ALPN: []string{"h2", "http/1.1"}}
	addHTTPS(s, "a.example", cert, "b", "b.example")
	addHTTPS(s, "b.example", cert, "b", "a.example")
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{TLS: &tls.Config{RootCAs: ca.Pool(), ServerName: "a.example"}})
	id := uint32(1)
	for host, want := range map[string]string{"a.example": "200", "b.example": "421", "c.example": "421"} {
		for range 2 {
			c.Headers(id, true, ":method", "GET", ":scheme", "https", ":authority", host, ":path", "/")
			if r := c.Response(id); r.Status != want {
				t.Errorf("%s: got %+v, want %s", host, r, want)
			}
			id += 2
		}
	}
}

// TestH2AccessLog: a line for each request, with what HTTP/2 has for what HTTP/1
// has.
func TestH2AccessLog(t *testing.T) {
	var log lines
	s, cfg := h2Secure(t, served(t, duplex))
	p := proxytest.Start(t, proxy.Config{AccessLog: &log})
	p.MustApply(s)
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{TLS: cfg})
	c.Post(1, "/x?token=hidden", "user-agent", "test", "referer", "r")
	c.Data(1, true, "hello")
	c.Response(1)
	c.Get(3, "/%00")
	c.Response(3)
	c.Headers(5, true, proxytest.H2Request("GET", "/", "X", "y")...)
	c.Response(5)
	c.Post(7, "/")
	c.Data(7, false, "begin")
	c.Await("response begins", proxytest.On(7, func(s *proxytest.H2Stream) bool { return len(s.Body) > 0 }))
	c.Reset(7)
	all := log.wait(t, 4) // in any order
	for _, want := range []map[string]any{
		{
			"protocol": "HTTP/2", "method": "POST", "host": "a.example", "path": "/x", "status": 200.0, "received": 5.0, "sent": 5.0,
			"user_agent": "test", "reason": nil, "backend": "b", "client": "127.0.0.1", "server_name": "a.example",
		},
		{"status": 400.0, "reason": "bad_path", "protocol": "HTTP/2"},
		{"reason": "bad_message", "protocol": "HTTP/2"},
		{"status": 200.0, "reason": "client_reset", "received": 5.0},
	} {
		if !slices.ContainsFunc(all, func(line string) bool {
			got := decodeLine(t, line)
			for key, value := range want {
				if got[key] != value {
					return false
				}
			}
			return true
		}) {
			t.Errorf("no line has %v:\n%s", want, strings.Join(all, "\n"))
		}
	}
	if strings.Contains(strings.Join(all, ""), "hidden") {
		t.Errorf("log has a query string: %s", all)
	}
}

// TestH2Overload: without memory to spare a request is answered with a 503 that
// says why, and the connection ends gently.
func TestH2Overload(t *testing.T) {
	const room = 64 << 20
	p := proxytest.Start(t, proxy.Config{MemoryLimit: taken() + room})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": proxytest.Serve(t, answer(ok)).Addr}))
	// A connection ends with the first response that it has while memory is short,
	// and then no other is taken.
	var conns []*proxytest.H2
	for range 200 {
		c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
		c.Get(1, "/")
		if r := c.Response(1); r.Status != "200" {
			t.Fatalf("request was not served before: %+v", r)
		}
		conns = append(conns, c)
	}
	ballast := make([]byte, 2*room)
	for i := range ballast {
		ballast[i] = 1 // untouched memory is none
	}
	var c *proxytest.H2
	var r proxytest.H2Stream
	proxytest.Eventually(t, "requests are refused", func() bool {
		c, conns = conns[0], conns[1:]
		c.Get(3, "/")
		r = c.Response(3)
		return r.Status != "200"
	})
	if r.Status != "503" || r.Header.Get("fsm-reason") != "overload" {
		t.Errorf("got %+v", r)
	}
	if s := c.AwaitEnd(); s.Ended != io.EOF || len(s.GoAways) != 2 || s.GoAways[1].Code != http2.ErrCodeNo {
		t.Errorf("got %+v, %v", s.GoAways, s.Ended)
	}
	runtime.KeepAlive(ballast)
	ballast = nil
	debug.FreeOSMemory()
	proxytest.Eventually(t, "connections are served again", func() bool {
		return fresh(p.Addr(proxytest.HTTPListener), func(c *proxytest.Conn) bool {
			c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			r, err := c.ReadResponse("GET")
			return err == nil && r.Status == 200
		})
	})
}
