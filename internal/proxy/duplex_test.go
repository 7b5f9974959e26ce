package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// TestEarlyResponse: a backend may answer before the request body ends, and the
// client gets the answer before it has sent it.
func TestEarlyResponse(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		if _, err := c.ReadHead(); err != nil {
			return
		}
		c.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		c.ReadAll()
	})
	c := proxytest.Dial(t, gateway(t, b))
	c.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin")
	r, err := c.ReadResponse("POST")
	if err != nil || r.Status != 413 || r.Body != "no" {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestFullDuplex: request and response bodies flow at the same time.
func TestFullDuplex(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			r, err := http.ReadRequest(c.R)
			if err != nil {
				return
			}
			c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			buf := make([]byte, 100)
			for {
				n, err := r.Body.Read(buf)
				if n > 0 {
					c.Send(fmt.Sprintf("%x\r\n%s\r\n", n, buf[:n]))
				}
				if err != nil {
					break
				}
			}
			c.Send("0\r\n\r\n")
		}
	})
	addr := gateway(t, b)
	c := proxytest.Dial(t, addr)
	for round := range 2 { // the connection is good for another one afterwards
		c.Send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		head, err := c.ReadHead()
		if err != nil || !strings.HasPrefix(head, "HTTP/1.1 200") {
			t.Fatalf("round %d: got %q, %v before the body was sent", round, head, err)
		}
		for i := range 20 {
			part := fmt.Sprintf("part %d", i)
			c.Send(fmt.Sprintf("%x\r\n%s\r\n", len(part), part))
			want := fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
			if got, err := c.ReadN(len(want)); got != want {
				t.Fatalf("round %d: got %q, %v, want %q", round, got, err, want)
			}
		}
		c.Send("0\r\n\r\n")
		if end, err := c.ReadN(5); end != "0\r\n\r\n" {
			t.Fatalf("round %d: got %q, %v", round, end, err)
		}
	}
}

func TestContinue(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			if !strings.Contains(head, "Expect: 100-continue\r\n") {
				c.Send("HTTP/1.1 500 No Expect\r\nContent-Length: 0\r\n\r\n")
				continue
			}
			if strings.Contains(head, "/refuse") {
				c.Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				return
			}
			c.Send("HTTP/1.1 100 Continue\r\n\r\n")
			body, _ := c.ReadN(5)
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
		}
	})
	addr := gateway(t, b)
	c := proxytest.Dial(t, addr)
	for range 2 {
		c.Send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if head, err := c.ReadHead(); head != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("got %q, %v", head, err)
		}
		c.Send("hello")
		if r, err := c.ReadResponse("POST"); err != nil || r.Body != "hello" {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	c.Send("POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if r, err := c.ReadResponse("POST"); err != nil || r.Status != 403 {
		t.Fatalf("got %+v, %v", r, err)
	}
}

func TestEarlyHints(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"+ok))
	c := proxytest.Dial(t, gateway(t, b))
	c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	want := "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
	if got, err := c.ReadN(len(want)); got != want {
		t.Fatalf("got %q, %v", got, err)
	}
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("got %+v, %v", r, err)
	}
	c = proxytest.Dial(t, c.RemoteAddr().String())
	c.Send("GET / HTTP/1.0\r\n\r\n")
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("HTTP/1.0 client: got %+v, %v, want no 1xx", r, err)
	}
}

// echoUpgrade agrees to any switch of protocols and then echoes lines.
func echoUpgrade(c *proxytest.Conn) {
	head, err := c.ReadHead()
	if err != nil {
		return
	}
	if strings.Contains(head, "/refuse") {
		c.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno")
		c.ReadAll()
		return
	}
	c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nwelcome\n")
	_, _ = io.Copy(c.Conn, c.R)
}

func TestUpgrade(t *testing.T) {
	b := proxytest.Serve(t, echoUpgrade)
	addr := gateway(t, b)
	c := proxytest.Dial(t, addr)
	c.Send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n")
	head, err := c.ReadHead()
	want := "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
	if head != want {
		t.Fatalf("got %q, %v", head, err)
	}
	if got, err := c.ReadN(8); got != "welcome\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	large := strings.Repeat("x", 1<<20)
	for _, message := range []string{"hello\n", "again\n", large} {
		go c.Send(message)
		if got, err := c.ReadN(len(message)); got != message {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
	// The client's end reaches the backend, whose end reaches the client.
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest := c.ReadAll(); rest != "" {
		t.Errorf("got %q", rest)
	}
	if !strings.Contains(b.Seen(), "Connection: upgrade\r\nUpgrade: websocket\r\n") {
		t.Errorf("backend saw %.200q", b.Seen())
	}
}

func TestUpgradeRefused(t *testing.T) {
	b := proxytest.Serve(t, echoUpgrade)
	c := proxytest.Dial(t, gateway(t, b))
	c.Send("GET /refuse HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 400 || r.Body != "no" || r.Close {
		t.Fatalf("got %+v, %v", r, err)
	}
}

// TestTunnelIdle: an upgraded connection ends when nothing moves in either
// direction, and not while something moves in one.
func TestTunnelIdle(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		if _, err := c.ReadHead(); err != nil {
			return
		}
		c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		for range 12 { // one-way traffic for longer than the tunnel may idle
			c.Send("tick\n")
			time.Sleep(100 * time.Millisecond)
		}
		c.ReadAll()
	})
	addr := gateway(t, b, func(s *ir.Snapshot) {
		s.Listeners[0].Options = &ir.Options{RelayIdleTimeout: ir.Duration(600 * time.Millisecond)}
	})
	c := proxytest.Dial(t, addr)
	c.Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	if _, err := c.ReadHead(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if got := c.ReadAll(); strings.Count(got, "tick\n") != 12 {
		t.Errorf("got %q", got)
	}
	if took := time.Since(begun); took < 1200*time.Millisecond || took > 10*time.Second {
		t.Errorf("tunnel ended after %v", took)
	}
}

// TestClientGone: a backend is not kept busy for a client that has left.
func TestClientGone(t *testing.T) {
	gone := make(chan bool, 1)
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		if _, err := c.ReadHead(); err == nil {
			c.ReadAll() // ends when the proxy gives up
			gone <- true
		}
	})
	c := proxytest.Dial(t, gateway(t, b))
	c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	proxytest.Eventually(t, "backend has the request", func() bool { return b.Seen() != "" })
	_ = c.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the request to the backend goes on")
	}
}

// TestStalePool: a pooled connection that the backend has closed costs the client
// nothing, whatever the method.
func TestStalePool(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr}))
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	for i, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		for range 5 {
			c.Send(request)
			if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
				t.Fatalf("request %d: got %+v, %v", i, r, err)
			}
			b.CloseConns()
		}
	}
}

// TestStaleOneAfterTheOther: a backend that stops closes its connections one by one,
// so the second that is tried may be closed as well, although it looked open. The
// request is answered over a new one.
func TestStaleOneAfterTheOther(t *testing.T) {
	const kept = 4
	served := make(chan struct{}, kept+1)
	all := make(chan struct{})
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		// Each connection serves one request, and ends when it sees another.
		if _, err := c.ReadHead(); err != nil {
			return
		}
		served <- struct{}{}
		<-all
		c.Send(ok)
		_, _ = c.ReadHead()
	})
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr}))
	var clients []*proxytest.Conn
	for range kept {
		c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
		c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-served
		clients = append(clients, c)
	}
	close(all)
	for _, c := range clients {
		if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	clients[0].Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, err := clients[0].ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestManyConcurrent: many clients at once, each gets its own answer.
func TestManyConcurrent(t *testing.T) {
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
	addr := gateway(t, b)
	done := make(chan error, 64)
	for g := range 64 {
		go func() {
			c := proxytest.Dial(t, addr)
			for i := range 50 {
				path := fmt.Sprintf("/%d/%d", g, i)
				c.Send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
				r, err := c.ReadResponse("GET")
				if err != nil || r.Body != path {
					done <- fmt.Errorf("%s: got %q, %w", path, r.Body, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range 64 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestRetryLateEnd: a request is sent again although the backend answered before
// the end of the body had come, if it comes at once.
func TestRetryLateEnd(t *testing.T) {
	var tries atomic.Int32
	answered := make(chan struct{})
	const first, last = "5\r\nhello\r\n", "0\r\n\r\n"
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			if got, _ := c.ReadN(len(first)); got != first {
				t.Errorf("backend got %q", got)
				return
			}
			again := tries.Add(1) > 1
			if !again {
				c.Send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
				close(answered)
			}
			if got, _ := c.ReadN(len(last)); got != last {
				t.Errorf("backend got %q at the end", got)
				return
			}
			if again {
				c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	})
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
	s.Tables["t"].Routes[0].Action.(*ir.Forward).Retry = &ir.Retry{Attempts: 1, Codes: []uint16{503}}
	p.MustApply(s)
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	c.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	<-answered
	c.Send("0\r\n\r\n")
	if r, err := c.ReadResponse("POST"); err != nil || r.Status != 200 {
		t.Errorf("got %+v, %v", r, err)
	}
}
