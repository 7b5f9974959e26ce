package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// answer serves a connection: each request gets the same response.
func answer(response string) func(*proxytest.Conn) {
	return func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			c.Send(response)
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// gateway runs a proxy in front of one backend and returns its address.
func gateway(t *testing.T, backend *proxytest.Backend, change ...func(*ir.Snapshot)) string {
	t.Helper()
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": backend.Addr})
	for _, c := range change {
		c(s)
	}
	p.MustApply(s)
	return p.Addr(proxytest.HTTPListener)
}

func TestForward(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 201 Made\r\nX-B: 1\r\nConnection: X-Hop\r\nX-Hop: 2\r\nContent-Length: 2\r\n\r\nok"))
	addr := gateway(t, b)
	r := proxytest.Get(t, addr, "a.example", "/x%2Fy?z", "X-A: 1", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Prefix: /evil", "Forwarded: for=6.6.6.6")
	if r.Status != 201 || r.Body != "ok" || r.Header.Get("X-B") != "1" || r.Header.Get("X-Hop") != "" {
		t.Errorf("got %+v", r)
	}
	want := "GET /x%2Fy?z HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\nX-A: 1\r\n" +
		"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n\r\n"
	if got := b.Seen(); got != want {
		t.Errorf("backend saw %q\nwant        %q", got, want)
	}
}

func TestKeepAliveAndPooling(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b)
	c := proxytest.Dial(t, addr)
	for i := range 50 {
		c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 || r.Body != "ok" {
			t.Fatalf("request %d: %+v, %v", i, r, err)
		}
	}
	if n := b.Conns.Load(); n != 1 {
		t.Errorf("backend saw %d connections for sequential requests, want 1", n)
	}
}

func TestPipelining(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			path := strings.Fields(head)[1]
			c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path))
		}
	})
	c := proxytest.Dial(t, gateway(t, b))
	var all strings.Builder
	for i := range 100 {
		fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
	}
	c.Send(all.String())
	for i := range 100 {
		r, err := c.ReadResponse("GET")
		if err != nil || r.Body != fmt.Sprintf("/%d", i) {
			t.Fatalf("response %d: %+v, %v", i, r, err)
		}
	}
}

func TestBodies(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<14) // 256 KiB
	chunked := func(parts ...string) string {
		var s strings.Builder
		for _, p := range parts {
			fmt.Fprintf(&s, "%x\r\n%s\r\n", len(p), p)
		}
		return s.String() + "0\r\n\r\n"
	}
	bodies := map[string]struct{ head, body, want string }{
		"none":          {"", "", ""},
		"length 0":      {"Content-Length: 0\r\n", "", ""},
		"length":        {"Content-Length: 5\r\n", "hello", "hello"},
		"large length":  {fmt.Sprintf("Content-Length: %d\r\n", len(large)), large, large},
		"chunked":       {"Transfer-Encoding: chunked\r\n", chunked("hello", " world"), "hello world"},
		"large chunked": {"Transfer-Encoding: chunked\r\n", chunked(large, "x", large), large + "x" + large},
		"empty chunked": {"Transfer-Encoding: chunked\r\n", chunked(), ""},
	}
	// The backend answers with the body it got, framed as it was.
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			r, err := http.ReadRequest(c.R)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if r.ContentLength >= 0 {
				c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			} else {
				c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(strings.SplitAfter(string(body), "f")...))
			}
		}
	})
	addr := gateway(t, b)
	for name, body := range bodies {
		for _, version := range []string{"1.1", "1.0"} {
			if version == "1.0" && strings.Contains(name, "chunked") {
				continue
			}
			t.Run(name+" "+version, func(t *testing.T) {
				c := proxytest.Dial(t, addr)
				for range 3 { // on one connection where it is kept
					go c.Send("POST / HTTP/" + version + "\r\nHost: a\r\nConnection: keep-alive\r\n" + body.head + "\r\n" + body.body)
					r, err := c.ReadResponse("POST")
					if err != nil || r.Status != 200 || r.Err != nil {
						t.Fatalf("%d, %v, %v", r.Status, err, r.Err)
					}
					if r.Body != body.want {
						t.Fatalf("got a body of %d bytes, want %d", len(r.Body), len(body.want))
					}
				}
			})
		}
	}
}

// TestResponseFraming: whichever way a backend frames its response, the client
// gets all of it and knows where it ends.
func TestResponseFraming(t *testing.T) {
	for name, c := range map[string]struct {
		response, body string
		close10        bool // whether a client of HTTP/1.0 is closed
	}{
		"length":      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"chunked":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", true},
		"until close": {"HTTP/1.1 200 OK\r\n\r\nhello", "hello", true},
		"HTTP/1.0":    {"HTTP/1.0 200 OK\r\n\r\nhello", "hello", true},
		"no content":  {"HTTP/1.1 204 No Content\r\n\r\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := proxytest.Serve(t, func(conn *proxytest.Conn) {
				if _, err := conn.ReadHead(); err == nil {
					conn.Send(c.response)
				}
			})
			addr := gateway(t, b)
			for _, version := range []string{"1.1", "1.0"} {
				conn := proxytest.Dial(t, addr)
				conn.Send("GET / HTTP/" + version + "\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
				r, err := conn.ReadResponse("GET")
				if err != nil || r.Err != nil || r.Body != c.body {
					t.Fatalf("HTTP/%s: %+v, %v", version, r, err)
				}
				if version == "1.0" && r.Header.Get("Transfer-Encoding") != "" {
					t.Error("HTTP/1.0 client was sent chunks")
				}
				kept := !r.Close
				if want := version == "1.1" || !c.close10; kept != want {
					t.Errorf("HTTP/%s: connection kept: %t, want %t", version, kept, want)
				}
			}
		})
	}
}

func TestHead(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"))
	c := proxytest.Dial(t, gateway(t, b))
	for range 2 {
		c.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, err := c.ReadResponse("HEAD"); err != nil || r.Header.Get("Content-Length") != "12345" {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	if b.Conns.Load() != 1 {
		t.Error("the connection was not used again after a HEAD")
	}
}

func TestTrailers(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		r, err := http.ReadRequest(c.R)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: " +
			r.Trailer.Get("X-In") + "/" + string(body) + "\r\n\r\n")
	})
	c := proxytest.Dial(t, gateway(t, b))
	c.Send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-In\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-In: 42\r\n\r\n")
	r, err := c.ReadResponse("POST")
	if err != nil || r.Body != "abc" || r.Trailer.Get("X-Sum") != "42/hi" {
		t.Errorf("got %+v, %v", r, err)
	}
	if !strings.Contains(b.Seen(), "TE: trailers\r\n") {
		t.Errorf("backend was not told that trailers are accepted: %q", b.Seen())
	}
}

func TestNoRoute(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b, func(s *ir.Snapshot) { s.Tables["t"].Routes = []*ir.Route{proxytest.To("/a", "b")} })
	c := proxytest.Dial(t, addr)
	for _, path := range []string{"/", "/ab", "/A"} {
		c.Send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		r, err := c.ReadResponse("GET")
		if err != nil || r.Status != 404 || r.Header.Get("Fsm-Reason") != "no_route" || r.Body != "Not found" {
			t.Fatalf("%s: %+v, %v", path, r, err)
		}
	}
	if b.Conns.Load() != 0 {
		t.Error("backend was contacted")
	}
}

func TestNoEndpoints(t *testing.T) {
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": ""}))
	r := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "a", "/")
	if r.Status != 503 || r.Header.Get("Fsm-Reason") != "no_endpoints" {
		t.Errorf("got %+v", r)
	}
}
