package proxy_test

import (
	"fmt"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// routed runs a proxy with the given routes and named backends.
func routed(t *testing.T, routes []*ir.Route, backends map[string]string) *proxytest.Proxy {
	t.Helper()
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(proxytest.HTTP(routes, backends))
	return p
}

// forwardOf is the action of a route made by proxytest.To.
func forwardOf(r *ir.Route) *ir.Forward { return r.Action.(*ir.Forward) }

// refusing is an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestWeights(t *testing.T) {
	named := func(name string) *proxytest.Backend {
		return proxytest.Serve(t, answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name)))
	}
	a, b := named("a"), named("b")
	r := proxytest.To("/", "a", "b", "c")
	f := forwardOf(r)
	f.Destinations[0].Weight, f.Destinations[1].Weight, f.Destinations[2].Weight = 70, 30, 0
	p := routed(t, []*ir.Route{r}, map[string]string{"a": a.Addr, "b": b.Addr, "c": refusing(t)})
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	count := map[string]int{}
	for range 500 {
		c.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := c.ReadResponse("GET")
		if err != nil {
			t.Fatal(err)
		}
		count[res.Body]++
	}
	if count["a"] != 350 || count["b"] != 150 {
		t.Errorf("got %v, want exactly 350 and 150", count)
	}
}

// TestFailureKeepsItsShare: a reference that does not resolve gets its share of
// the requests, and fails them.
func TestFailureKeepsItsShare(t *testing.T) {
	a := proxytest.Serve(t, answer(ok))
	r := proxytest.To("/", "a", "gone")
	forwardOf(r).Destinations[1] = ir.Destination{Weight: 1, Failure: &ir.Respond{Status: 500, Reason: "backend_not_found"}}
	p := routed(t, []*ir.Route{r}, map[string]string{"a": a.Addr})
	var codes []int
	for range 4 {
		codes = append(codes, proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/").Status)
	}
	if fmt.Sprint(codes) != "[200 500 200 500]" {
		t.Errorf("got %v", codes)
	}
}

func TestRoundRobin(t *testing.T) {
	a, b := proxytest.Serve(t, answer(ok)), proxytest.Serve(t, answer(ok))
	p := routed(t, []*ir.Route{proxytest.To("/", "s")}, map[string]string{"s": a.Addr + " " + b.Addr})
	for range 10 {
		proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/")
	}
	if n := strings.Count(a.Seen(), "GET"); n != 5 {
		t.Errorf("one of two endpoints got %d of 10 requests, want 5", n)
	}
}

// TestConnectFailure: an endpoint that refuses connections is passed over when
// there is another one.
func TestConnectFailure(t *testing.T) {
	a := proxytest.Serve(t, answer(ok))
	p := routed(t, []*ir.Route{proxytest.To("/dead", "d"), proxytest.To("/", "s")}, map[string]string{"s": refusing(t) + " " + a.Addr, "d": refusing(t)})
	addr := p.Addr(proxytest.HTTPListener)
	for range 6 {
		if r := proxytest.Get(t, addr, "x", "/"); r.Status != 200 {
			t.Fatalf("got %+v", r)
		}
	}
	if r := proxytest.Get(t, addr, "x", "/dead"); r.Status != 503 || r.Header.Get("Fsm-Reason") != "upstream_connect" {
		t.Errorf("got %+v", r)
	}
}

// TestUnanswered: a backend that stops ends connections that it has not accepted. What
// may be sent twice is sent to another endpoint then, and nothing else is.
func TestUnanswered(t *testing.T) {
	var met atomic.Int64
	stops := proxytest.Serve(t, func(c *proxytest.Conn) {
		_, _ = c.ReadHead()
		met.Add(1)
	})
	serves := proxytest.Serve(t, answer(ok))
	p := routed(t, []*ir.Route{proxytest.To("/", "s")}, map[string]string{"s": stops.Addr + " " + serves.Addr})
	for range 4 {
		if r := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/"); r.Status != 200 {
			t.Fatalf("got %+v", r)
		}
	}
	if met.Load() == 0 {
		t.Error("no request met the endpoint that stops")
	}
	met.Store(0)
	for range 4 {
		c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
		before := met.Load()
		c.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		r, err := c.ReadResponse("POST")
		if want := 200 + 302*int(met.Load()-before); err != nil || r.Status != want {
			t.Errorf("got %+v, %v, want %d", r, err, want)
		}
	}
	if met.Load() == 0 {
		t.Error("no POST met the endpoint that stops")
	}
}

// failing answers with a status n times and then with 200, and echoes bodies.
func failing(n int64, status string) (serve func(*proxytest.Conn), tries *atomic.Int64) {
	tries = new(atomic.Int64)
	return func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			body := ""
			if strings.Contains(head, "Content-Length: 5\r\n") {
				body, _ = c.ReadN(5)
			}
			line := "200 OK"
			if tries.Add(1) <= n {
				line = status
			}
			if line == "reset" {
				return
			}
			c.Send(fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", line, len(body), body))
		}
	}, tries
}

func TestRetry(t *testing.T) {
	for name, c := range map[string]struct {
		fails   int64
		status  string
		retry   *ir.Retry
		request string
		want    int
		tries   int64
	}{
		"listed code":       {2, "503 Busy", &ir.Retry{Attempts: 3, Codes: []uint16{503}}, "GET", 200, 3},
		"exhausted":         {9, "503 Busy", &ir.Retry{Attempts: 2, Codes: []uint16{503}}, "GET", 503, 3},
		"other code":        {1, "500 Oops", &ir.Retry{Attempts: 3, Codes: []uint16{503}}, "GET", 500, 1},
		"no attempts":       {1, "503 Busy", &ir.Retry{Attempts: 0, Codes: []uint16{503}}, "GET", 503, 1},
		"body":              {2, "503 Busy", &ir.Retry{Attempts: 3, Codes: []uint16{503}}, "POST", 200, 3},
		"reset":             {2, "reset", &ir.Retry{Attempts: 3}, "GET", 200, 3},
		"reset with body":   {2, "reset", &ir.Retry{Attempts: 3}, "POST", 200, 3},
		"reset, no retries": {1, "reset", nil, "GET", 502, 1},
	} {
		t.Run(name, func(t *testing.T) {
			serve, tries := failing(c.fails, c.status)
			b := proxytest.Serve(t, serve)
			r := proxytest.To("/", "b")
			forwardOf(r).Retry = c.retry
			p := routed(t, []*ir.Route{r}, map[string]string{"b": b.Addr})
			conn := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
			body := ""
			if c.request == "POST" {
				body = "hello"
				conn.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
			} else {
				conn.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			res, err := conn.ReadResponse(c.request)
			if err != nil || res.Status != c.want || c.want == 200 && res.Body != body {
				t.Errorf("got %+v, %v, want %d", res, err, c.want)
			}
			if tries.Load() != c.tries {
				t.Errorf("backend was tried %d times, want %d", tries.Load(), c.tries)
			}
		})
	}
}

func TestRetryConnect(t *testing.T) {
	a := proxytest.Serve(t, answer(ok))
	r := proxytest.To("/", "s")
	forwardOf(r).Retry = &ir.Retry{Attempts: 100}
	dead := refusing(t)
	p := routed(t, []*ir.Route{r}, map[string]string{"s": strings.Join([]string{dead, a.Addr, refusing(t), refusing(t), refusing(t)}, " ")})
	for range 10 {
		if res := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/"); res.Status != 200 {
			t.Fatalf("got %+v", res)
		}
	}
}

func TestBackoff(t *testing.T) {
	serve, _ := failing(2, "503 Busy")
	b := proxytest.Serve(t, serve)
	r := proxytest.To("/", "b")
	forwardOf(r).Retry = &ir.Retry{Attempts: 2, Codes: []uint16{503}, Backoff: ir.Duration(100 * time.Millisecond)}
	p := routed(t, []*ir.Route{r}, map[string]string{"b": b.Addr})
	begun := time.Now()
	if res := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/"); res.Status != 200 {
		t.Fatalf("got %+v", res)
	}
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("two retries took %v, want at least twice the backoff", took)
	}
}

// TestTimeouts: requests that take too long are answered in time, to within some
// milliseconds, and timeouts that are not reached change nothing.
func TestTimeouts(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			switch {
			case strings.Contains(head, "/slow"):
				time.Sleep(2 * time.Second)
			case strings.Contains(head, "/drip"):
				c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
				time.Sleep(2 * time.Second)
				continue
			}
			c.Send(ok)
		}
	})
	short := ir.Duration(200 * time.Millisecond)
	make := func(prefix string, change func(*ir.Forward)) *ir.Route {
		r := proxytest.To(prefix, "b")
		change(forwardOf(r))
		return r
	}
	p := routed(t, []*ir.Route{
		make("/slow/request", func(f *ir.Forward) { f.Timeout = short }),
		make("/slow/attempt", func(f *ir.Forward) { f.AttemptTimeout = short }),
		make("/slow/both", func(f *ir.Forward) {
			f.Timeout, f.AttemptTimeout = 3*short, short
			f.Retry = &ir.Retry{Attempts: 10, Codes: []uint16{504}}
		}),
		make("/slow/none", func(*ir.Forward) {}),
		make("/fast", func(f *ir.Forward) { f.Timeout = short }),
		make("/drip", func(f *ir.Forward) { f.Timeout = short }),
	}, map[string]string{"b": b.Addr})
	addr := p.Addr(proxytest.HTTPListener)
	for _, c := range []struct {
		path       string
		status     int
		least, max time.Duration
	}{
		{"/slow/request", 504, 200 * time.Millisecond, 600 * time.Millisecond},
		{"/slow/attempt", 504, 200 * time.Millisecond, 600 * time.Millisecond},
		{"/slow/both", 504, 400 * time.Millisecond, 1200 * time.Millisecond},
		{"/slow/none", 200, 2 * time.Second, 10 * time.Second},
		{"/fast", 200, 0, time.Second},
	} {
		begun := time.Now()
		r := proxytest.Get(t, addr, "x", c.path)
		if took := time.Since(begun); r.Status != c.status || took < c.least || took > c.max {
			t.Errorf("%s: got %d after %v, want %d after %v to %v", c.path, r.Status, took, c.status, c.least, c.max)
		}
	}
	// The response had begun: it can only be broken off.
	c := proxytest.Dial(t, addr)
	begun := time.Now()
	c.Send("GET /drip HTTP/1.1\r\nHost: x\r\n\r\n")
	if r, err := c.ReadResponse("GET"); err == nil && r.Err == nil || time.Since(begun) > time.Second {
		t.Errorf("got %+v, %v after %v", r, err, time.Since(begun))
	}
	// A connection whose deadline was used is good for requests without one.
	conn := proxytest.Dial(t, addr)
	for range 3 {
		conn.Send("GET /fast HTTP/1.1\r\nHost: x\r\n\r\n")
		if r, err := conn.ReadResponse("GET"); err != nil || r.Status != 200 {
			t.Fatalf("got %+v, %v", r, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func TestMirror(t *testing.T) {
	main, copies, failingCopies := proxytest.Serve(t, answer(ok)), proxytest.Serve(t, answer(ok)), proxytest.Serve(t, func(*proxytest.Conn) {})
	bodies := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			if _, err := c.ReadN(5); err != nil {
				return
			}
			c.Send(ok)
		}
	})
	to := proxytest.To("/", "main")
	to.Filters = ir.Filters{
		&ir.RequestHeaders{Set: []ir.HeaderField{{Name: "X-Set", Value: "1"}}},
		&ir.Mirror{Backend: "copies", Numerator: 1, Denominator: 1},
		&ir.Mirror{Backend: "failing", Numerator: 1, Denominator: 1},
	}
	half := proxytest.To("/half", "main")
	half.Filters = ir.Filters{&ir.Mirror{Backend: "copies", Numerator: 1, Denominator: 2}}
	post := proxytest.To("/post", "bodies")
	post.Filters = ir.Filters{&ir.Mirror{Backend: "copies", Numerator: 1, Denominator: 1}}
	p := routed(t, []*ir.Route{half, post, to}, map[string]string{
		"main": main.Addr, "copies": copies.Addr, "failing": failingCopies.Addr, "bodies": bodies.Addr,
	})
	addr := p.Addr(proxytest.HTTPListener)
	for range 20 {
		if r := proxytest.Get(t, addr, "x", "/a?b"); r.Status != 200 {
			t.Fatalf("got %+v", r)
		}
	}
	proxytest.Eventually(t, "all copies arrive", func() bool {
		return strings.Count(copies.Seen(), "GET /a?b HTTP/1.1\r\n") == 20 && strings.Count(copies.Seen(), "X-Set: 1\r\n") == 20
	})
	const n = 400
	for range n {
		proxytest.Get(t, addr, "x", "/half")
	}
	proxytest.Eventually(t, "about half of the copies arrive", func() bool {
		got := float64(strings.Count(copies.Seen(), "GET /half "))
		return math.Abs(got-n/2) < 4*math.Sqrt(n*0.25)
	})
	c := proxytest.Dial(t, addr)
	c.Send("POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
	_, _ = c.ReadN(1)
	_ = c.Close()
	proxytest.Eventually(t, "the copy has the body", func() bool {
		return strings.Contains(copies.Seen(), "POST /post HTTP/1.1\r\n") && strings.Contains(copies.Seen(), "hello")
	})
}

func TestListenerIsolation(t *testing.T) {
	a := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP(nil, map[string]string{"b": a.Addr})
	chain := s.Listeners[0].Chains[0].HTTP
	chain.VirtualHosts = nil
	for _, host := range []string{"", "*.example.com", "*.foo.example.com", "abc.foo.example.com"} {
		origin := ir.Origin{Kind: "Gateway", Name: "gw", Part: "listener " + host}
		name := ir.TableName("t " + host)
		path := "/" + strings.NewReplacer("*.", "any-", ".", "-").Replace(host)
		s.Tables[name] = &ir.RouteTable{Name: name, Routes: []*ir.Route{proxytest.To(path+"-only", "b")}}
		chain.VirtualHosts = append(chain.VirtualHosts, ir.VirtualHost{Origin: origin, Hostname: host, Hosts: []ir.Host{{Table: name}}})
	}
	p.MustApply(s)
	addr := p.Addr(proxytest.HTTPListener)
	paths := []string{"/-only", "/any-example-com-only", "/any-foo-example-com-only", "/abc-foo-example-com-only"}
	for host, want := range map[string]int{
		"other.org": 0, "bar.example.com": 1, "a.b.example.com": 1, "x.foo.example.com": 2, "ABC.foo.example.com:8000": 3, "abc.foo.example.com.": 3, "example.com": 0,
	} {
		for i, path := range paths {
			wantStatus := 404
			if i == want {
				wantStatus = 200
			}
			if r := proxytest.Get(t, addr, host, path); r.Status != wantStatus {
				t.Errorf("%s%s: got %d, want %d", host, path, r.Status, wantStatus)
			}
		}
	}
}

// TestHostFallThrough: a request that finds no route in the table of its exact
// host is looked up in those of the wildcards around it.
func TestHostFallThrough(t *testing.T) {
	a := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP(nil, map[string]string{"b": a.Addr})
	var hosts []ir.Host
	for host, path := range map[string]string{"a.b.c": "/exact", "*.b.c": "/near", "*.c": "/far", "": "/any"} {
		name := ir.TableName("t " + host)
		s.Tables[name] = &ir.RouteTable{Name: name, Routes: []*ir.Route{proxytest.To(path, "b")}}
		hosts = append(hosts, ir.Host{Hostname: host, Table: name})
	}
	s.Listeners[0].Chains[0].HTTP.VirtualHosts[0].Hosts = hosts
	p.MustApply(s)
	addr := p.Addr(proxytest.HTTPListener)
	for path, want := range map[string]int{"/exact": 200, "/near": 200, "/far": 200, "/any": 200, "/none": 404} {
		if r := proxytest.Get(t, addr, "a.b.c", path); r.Status != want {
			t.Errorf("%s: got %d, want %d", path, r.Status, want)
		}
	}
	if r := proxytest.Get(t, addr, "x.c", "/near"); r.Status != 404 {
		t.Errorf("wildcard covered too much: got %d", r.Status)
	}
}

func TestTrustedProxies(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	for name, c := range map[string]struct {
		options ir.Options
		headers []string
		want    []string // lines that the backend must see
		not     []string // and must not
	}{
		"default": {
			ir.Options{}, []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6"},
			[]string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a.example"},
			[]string{"6.6.6.6", "evil", "https", "X-Forwarded-Port"},
		},
		"one hop": {
			ir.Options{TrustedHops: 1}, []string{"X-Forwarded-For: 6.6.6.6, 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: b.example"},
			[]string{"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: b.example"}, nil,
		},
		"chain too short": {
			ir.Options{TrustedHops: 2}, []string{"X-Forwarded-For: 6.6.6.6"}, []string{"X-Forwarded-For: 127.0.0.1"}, []string{"6.6.6.6"},
		},
		"no header": {ir.Options{TrustedHops: 1}, nil, []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http"}, nil},
		"garbage": {
			ir.Options{TrustedHops: 1}, []string{"X-Forwarded-For: unknown"}, []string{"X-Forwarded-For: 127.0.0.1"}, []string{"unknown"},
		},
		"trusted network": {
			ir.Options{TrustedProxies: []string{"127.0.0.0/8"}}, []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 127.0.0.9", "Forwarded: for=6.6.6.6"},
			[]string{"X-Forwarded-For: 6.6.6.6,127.0.0.9, 127.0.0.1", `Forwarded: for=6.6.6.6, for=127.0.0.1;proto=http;host="a.example"`}, nil,
		},
		"other network": {
			ir.Options{TrustedProxies: []string{"10.0.0.0/8"}}, []string{"X-Forwarded-For: 6.6.6.6"}, []string{"X-Forwarded-For: 127.0.0.1"}, []string{"6.6.6.6"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			addr := gateway(t, b, func(s *ir.Snapshot) { s.Listeners[0].Options = &c.options })
			before := len(b.Seen())
			proxytest.Get(t, addr, "a.example", "/", c.headers...)
			seen := b.Seen()[before:]
			for _, line := range c.want {
				if !strings.Contains(seen, line+"\r\n") {
					t.Errorf("backend did not see %q in %q", line, seen)
				}
			}
			for _, text := range c.not {
				if strings.Contains(seen, text) {
					t.Errorf("backend saw %q in %q", text, seen)
				}
			}
		})
	}
}
