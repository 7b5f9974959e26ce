package proxy_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// smuggled is what every malformed request below tries to get past the proxy.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

// refused sends a malformed request and expects one answer, the connection's
// end, and nothing at the backend.
func refused(t *testing.T, addr, raw string, status int, reason string) {
	t.Helper()
	c := proxytest.Dial(t, addr)
	defer c.Close()
	c.Send(raw)
	r, err := c.ReadResponse("GET")
	if err != nil {
		t.Fatalf("%.300q: no answer: %v", raw, err)
	}
	if r.Status != status || r.Header.Get("Fsm-Reason") != reason || !r.Close {
		t.Errorf("%.300q: got %d %s, want %d %s", raw, r.Status, r.Header.Get("Fsm-Reason"), status, reason)
	}
	if rest := c.ReadAll(); rest != "" {
		t.Errorf("%.300q: another answer followed: %.100q", raw, rest)
	}
}

// TestMalformedHeads: each class of malformed request is refused, however the
// lines around the defect look, and nothing that follows is served.
func TestMalformedHeads(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b)
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range proxytest.MalformedHeads() {
		for range 20 {
			raw := c.Raw
			if first := strings.Index(raw, "\r\n"); first > 0 && !strings.HasPrefix(c.Name, "leading") && random.IntN(2) == 0 {
				raw = raw[:first] + "\r\n" + padding(random) + strings.TrimPrefix(raw[first:], "\r\n")
			}
			want := c.Status
			refused(t, addr, raw+smuggled, want, c.Reason)
			if t.Failed() {
				t.Fatalf("case %s", c.Name)
			}
		}
	}
	if seen := b.Seen(); seen != "" {
		t.Errorf("backend saw %.200q", seen)
	}
}

// padding is a harmless header line.
func padding(random *rand.Rand) string {
	name := []string{"Accept", "X-Pad", "cookie", "USER-AGENT"}[random.IntN(4)]
	return name + ":" + strings.Repeat(" ", random.IntN(3)) + strings.Repeat("p", random.IntN(40)) + "\r\n"
}

// TestLengthAndCoding: a request with both a length and a coding is refused in
// all the ways that can be written.
func TestLengthAndCoding(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b)
	random := rand.New(rand.NewPCG(3, 4))
	mixed := func(s string) string {
		return strings.Map(func(r rune) rune {
			if random.IntN(2) == 0 {
				return []rune(strings.ToUpper(string(r)))[0]
			}
			return r
		}, s)
	}
	space := func() string { return strings.Repeat([]string{" ", "\t"}[random.IntN(2)], random.IntN(3)) }
	for i := range 1000 {
		length := mixed("content-length") + ":" + space() + fmt.Sprint(random.IntN(100)) + space()
		coding := mixed("transfer-encoding") + ":" + space() + mixed("chunked") + space()
		lines := []string{length, coding, strings.TrimSuffix(padding(random), "\r\n")}
		random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		raw := "POST / HTTP/1.1\r\nHost: a.example\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n0\r\n\r\n" + smuggled
		refused(t, addr, raw, 400, "bad_framing")
		if t.Failed() {
			t.Fatalf("variant %d", i)
		}
	}
	if seen := b.Seen(); seen != "" {
		t.Errorf("backend saw %.200q", seen)
	}
}

// TestBadChunks: a client's broken body is the client's fault, and the backend's
// connection is not used for anything else.
func TestBadChunks(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			if c.ReadAll(); true { // answers only a complete body, which never comes
				return
			}
		}
	})
	addr := gateway(t, b)
	for _, body := range []string{
		"0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
		"5\nhello\r\n0\r\n\r\n", "5;a\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "6\r\nhello\r\n0\r\n\r\n",
		"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", "5;" + strings.Repeat("a", 64<<10) + "\r\nhello\r\n0\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n",
	} {
		for _, pause := range []bool{false, true} {
			for range 10 {
				c := proxytest.Dial(t, addr)
				c.Send("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
				if pause { // the head is forwarded before the body shows its defect
					want := strings.Count(b.Seen(), "\r\n1\r\nx\r\n") + 1
					c.Send("1\r\nx\r\n")
					proxytest.Eventually(t, "backend sees the first chunk", func() bool {
						return strings.Count(b.Seen(), "\r\n1\r\nx\r\n") >= want
					})
				}
				c.Send(body + smuggled)
				r, err := c.ReadResponse("POST")
				if err != nil || r.Status != 400 || r.Header.Get("Fsm-Reason") != "bad_request_body" {
					t.Fatalf("%.40q: got %+v, %v", body, r, err)
				}
				if rest := c.ReadAll(); rest != "" {
					t.Fatalf("%.40q: another answer followed: %q", body, rest)
				}
				_ = c.Close()
			}
		}
	}
	if strings.Contains(b.Seen(), "smuggled") {
		t.Error("backend saw the request behind the broken body")
	}
}

// TestBadResponses: a backend that breaks the protocol gets its client a 502, and
// its connection closed.
func TestBadResponses(t *testing.T) {
	for name, response := range map[string]string{
		"length and coding": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"bare LF":           "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"1xx storm":         strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 1000),
		"HTTP/0.9":          "<html>hello</html>",
		"large head":        "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 10<<20) + "\r\n\r\n",
		"switch not asked":  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan bool, 100)
			b := proxytest.Serve(t, func(c *proxytest.Conn) {
				if _, err := c.ReadHead(); err == nil {
					c.Send(response)
				}
				c.ReadAll()
				closed <- true
			})
			addr := gateway(t, b)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 5 {
				c := proxytest.Dial(t, addr)
				c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				r, err := c.ReadResponse("GET")
				for err == nil && r.Status == 103 {
					r, err = c.ReadResponse("GET")
				}
				if err != nil || r.Status != 502 || r.Header.Get("Fsm-Reason") != "upstream_protocol" {
					t.Fatalf("got %+v, %v", r, err)
				}
				<-closed
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 5<<20 {
				t.Errorf("heap grew by %d bytes", grown)
			}
		})
	}
}

// TestBrokenResponseBody: when a backend breaks off in the middle, so does the
// response; the client must not take a part for the whole.
func TestBrokenResponseBody(t *testing.T) {
	for name, response := range map[string]string{
		"length":    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"chunked":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"bad chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := proxytest.Serve(t, func(c *proxytest.Conn) {
				if _, err := c.ReadHead(); err == nil {
					c.Send(response)
				}
			})
			c := proxytest.Dial(t, gateway(t, b))
			c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if r, err := c.ReadResponse("GET"); err == nil && r.Err == nil {
				t.Errorf("client took %q for a whole response", r.Body)
			}
		})
	}
}

// TestEarlyUpgradeData: bytes behind a request to switch protocols are not
// forwarded before the switch is agreed to, and not as a request either.
func TestEarlyUpgradeData(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		if _, err := c.ReadHead(); err == nil {
			c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			c.ReadAll()
		}
	})
	c := proxytest.Dial(t, gateway(t, b))
	c.Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + smuggled)
	r, err := c.ReadResponse("GET")
	if err == nil && r.Status == 101 {
		t.Error("the switch was made in spite of early bytes")
	}
	c.ReadAll()
	if strings.Contains(b.Seen(), "smuggled") {
		t.Errorf("backend saw early bytes: %q", b.Seen())
	}
}

// TestH2CUpgrade: HTTP/2 is never upgraded to.
func TestH2CUpgrade(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b)
	r := proxytest.Get(t, addr, "a", "/", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
	if r.Status != 200 || strings.Contains(strings.ToLower(b.Seen()), "upgrade") || strings.Contains(b.Seen(), "HTTP2-Settings") {
		t.Errorf("got %d, backend saw %q", r.Status, b.Seen())
	}
}

// TestLargeHeads: heads over the limits are refused, and cost nothing afterwards.
func TestLargeHeads(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b, func(s *ir.Snapshot) {
		s.Listeners[0].Options = &ir.Options{MaxHeaderBytes: 16 << 10, MaxHeaderFields: 20}
	})
	many := strings.Repeat("X: y\r\n", 21)
	for _, c := range []struct {
		raw    string
		status int
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n", 431},
		{"GET / HTTP/1.1\r\nHost: a\r\n" + many, 431}, // not even complete
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 20<<10) + "\r\n\r\n", 431},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 20<<10), 431},
		{"GET /" + strings.Repeat("y", 5<<10), 414},
	} {
		conn := proxytest.Dial(t, addr)
		conn.Send(c.raw)
		if c.raw == "GET / HTTP/1.1\r\nHost: a\r\n"+many {
			conn.Send("\r\n")
		}
		if r, err := conn.ReadResponse("GET"); err != nil || r.Status != c.status {
			t.Errorf("%.60q: got %d, %v, want %d", c.raw, r.Status, err, c.status)
		}
	}
	if r := proxytest.Get(t, addr, "a", "/", "X: "+strings.Repeat("y", 10<<10)); r.Status != 200 {
		t.Errorf("head within the limits: got %d", r.Status)
	}
}

// TestSlowClients: whoever does not send in time is told so where that makes
// sense, and closed.
func TestSlowClients(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			r, err := http.ReadRequest(c.R)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			c.Send(ok)
		}
	})
	short := ir.Duration(300 * time.Millisecond)
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
	s.Listeners[0].Options = &ir.Options{HeaderTimeout: short, IdleTimeout: short, BodyTimeout: short}
	p.MustApply(s)
	addr := p.Addr(proxytest.HTTPListener)
	for name, c := range map[string]struct {
		raw    string
		status int // 0 for none
	}{
		"nothing":         {"", 0},
		"part of a line":  {"GET / HT", 408},
		"part of a head":  {"GET / HTTP/1.1\r\nHost: a\r\nX", 408},
		"part of a body":  {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", 408},
		"part of a chunk": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", 408},
	} {
		t.Run(name, func(t *testing.T) {
			conn := proxytest.Dial(t, addr)
			begun := time.Now()
			conn.Send(c.raw)
			if c.status != 0 {
				r, err := conn.ReadResponse("POST")
				if err != nil || r.Status != c.status || r.Header.Get("Fsm-Reason") != "request_timeout" {
					t.Errorf("got %+v, %v", r, err)
				}
			}
			if rest := conn.ReadAll(); rest != "" {
				t.Errorf("got %q", rest)
			}
			if took := time.Since(begun); took < 250*time.Millisecond || took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("a byte now and then", func(t *testing.T) {
		conn := proxytest.Dial(t, addr)
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					conn.Send("X")
				}
			}
		}()
		defer close(stop)
		if r, err := conn.ReadResponse("GET"); err != nil || r.Status != 408 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	t.Run("idle", func(t *testing.T) {
		conn := proxytest.Dial(t, addr)
		conn.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, err := conn.ReadResponse("GET"); err != nil || r.Status != 200 {
			t.Fatalf("got %+v, %v", r, err)
		}
		if rest := conn.ReadAll(); rest != "" {
			t.Errorf("idle connection got %q", rest)
		}
	})
}
