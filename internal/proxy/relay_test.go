package proxy_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// tcpRelay is a snapshot with one TCP listener that relays to backends.
func tcpRelay(backends ...string) *ir.Snapshot {
	s := proxytest.Empty()
	origin := ir.Origin{Kind: "TCPRoute", Name: "r"}
	route := &ir.RelayRoute{Origin: origin}
	for i, addr := range backends {
		name := fmt.Sprintf("b%d", i)
		proxytest.AddBackend(s, name, addr)
		route.Destinations = append(route.Destinations, ir.Destination{Backend: ir.BackendName(name), Weight: 1})
	}
	s.Listeners = []*ir.Listener{{
		Name: proxytest.HTTPListener, Network: ir.TCP, Address: "127.0.0.1",
		Chains: []*ir.Chain{{Name: "tcp", Origin: origin, Relay: &ir.RelayChain{Route: route}}},
	}}
	return s
}

func relayed(t *testing.T, s *ir.Snapshot) string {
	t.Helper()
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	return p.Addr(proxytest.HTTPListener)
}

// echo sends back what it gets, and ends when its peer does.
func echo(c *proxytest.Conn) { _, _ = io.Copy(c.Conn, c.R) }

func TestRelay(t *testing.T) {
	addr := relayed(t, tcpRelay(proxytest.Serve(t, echo).Addr))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := proxytest.Dial(t, addr)
			for _, size := range []int{1, 100, 10_000, 300_000, 5_000_000, 3} {
				message := strings.Repeat("0123456789", size/10+1)[:size]
				go c.Send(message)
				if got, err := c.ReadN(size); got != message {
					t.Errorf("size %d: got %d other bytes, %v", size, len(got), err)
					return
				}
			}
			_ = c.Conn.(*net.TCPConn).CloseWrite()
			if rest := c.ReadAll(); rest != "" {
				t.Errorf("got %d more bytes", len(rest))
			}
		})
	}
	wg.Wait()
}

// TestRelayServerFirst: a server that speaks first is heard.
func TestRelayServerFirst(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) { c.Send("220 ready\r\n"); c.ReadAll() })
	c := proxytest.Dial(t, relayed(t, tcpRelay(b.Addr)))
	if got, err := c.ReadN(11); got != "220 ready\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestRelayHalfClose: each direction ends by itself.
func TestRelayHalfClose(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		all := c.ReadAll()
		c.Send("you sent " + all)
	})
	c := proxytest.Dial(t, relayed(t, tcpRelay(b.Addr)))
	c.Send("hello")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got := c.ReadAll(); got != "you sent hello" {
		t.Errorf("got %q", got)
	}
}

func TestRelayNobody(t *testing.T) {
	dead, live := refusing(t), proxytest.Serve(t, echo)
	for name, s := range map[string]*ir.Snapshot{"refused": tcpRelay(dead), "no endpoints": tcpRelay(""), "no weight": func() *ir.Snapshot {
		s := tcpRelay(live.Addr)
		s.Listeners[0].Chains[0].Relay.Route.Destinations[0].Weight = 0
		return s
	}()} {
		if c, err := net.Dial("tcp", relayed(t, s)); err == nil { // or it was reset already
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			if n, err := c.Read(make([]byte, 1)); n > 0 || !proxytest.Ended(err) || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: got %d bytes, %v, want the connection's end", name, n, err)
			}
			_ = c.Close()
		}
	}
	s := tcpRelay("")
	proxytest.AddBackend(s, "b0", dead+" "+live.Addr)
	addr := relayed(t, s)
	for range 6 {
		c := proxytest.Dial(t, addr)
		c.Send("x")
		if got, err := c.ReadN(1); got != "x" {
			t.Fatalf("an endpoint that refuses was not passed over: %v", err)
		}
	}
}

func TestRelayIdle(t *testing.T) {
	s := tcpRelay(proxytest.Serve(t, echo).Addr)
	s.Listeners[0].Options = &ir.Options{RelayIdleTimeout: ir.Duration(300 * time.Millisecond)}
	c := proxytest.Dial(t, relayed(t, s))
	c.Send("x")
	if got, err := c.ReadN(1); got != "x" {
		t.Fatal(err)
	}
	begun := time.Now()
	c.ReadAll()
	if took := time.Since(begun); took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("idle relay ended after %v", took)
	}
}

func TestRelayWeights(t *testing.T) {
	named := func(name string) string {
		return proxytest.Serve(t, func(c *proxytest.Conn) { c.Send(name) }).Addr
	}
	s := tcpRelay(named("a"), named("b"))
	d := s.Listeners[0].Chains[0].Relay.Route.Destinations
	d[0].Weight, d[1].Weight = 7, 3
	addr := relayed(t, s)
	count := map[string]int{}
	for range 100 {
		count[proxytest.Dial(t, addr).ReadAll()]++
	}
	if count["a"] != 70 || count["b"] != 30 {
		t.Errorf("got %v", count)
	}
}

// udpServer answers datagrams with a prefix and what it got.
func udpServer(t *testing.T, prefix string) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(append([]byte(prefix), buf[:n]...), from)
		}
	}()
	return conn.LocalAddr().String()
}

// udpExchange sends a datagram from a socket and waits for the answer.
func udpExchange(t *testing.T, c net.Conn, message string) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	for range 5 { // datagrams may be lost, even here
		_, _ = io.WriteString(c, message)
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if n, err := c.Read(buf); err == nil {
			return string(buf[:n])
		}
	}
	t.Fatal("no answer")
	return ""
}

func TestUDP(t *testing.T) {
	s := tcpRelay(udpServer(t, "a:"), udpServer(t, "b:"))
	l := s.Listeners[0]
	l.Network, l.Name = ir.UDP, "udp/127.0.0.1:0"
	l.Chains[0].Relay.Route.Destinations[0].Weight = 2
	l.Options = &ir.Options{SessionIdleTimeout: ir.Duration(500 * time.Millisecond)}
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	addr := p.Addr(l.Name)
	count := map[string]int{}
	var conns []net.Conn
	for range 30 {
		c, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		count[udpExchange(t, c, "x")]++
	}
	if count["a:x"] != 20 || count["b:x"] != 10 {
		t.Errorf("got %v, want 20 and 10", count)
	}
	// A session stays with its endpoint.
	first := udpExchange(t, conns[0], "y")
	for range 5 {
		if got := udpExchange(t, conns[0], "y"); got != first {
			t.Errorf("session moved from %q to %q", first, got)
		}
	}
	if got := udpExchange(t, conns[0], strings.Repeat("z", 1400)); len(got) != 1402 {
		t.Errorf("got %d bytes", len(got))
	}
	proxytest.Eventually(t, "idle sessions end", func() bool { return p.Stats().Socket(string(l.Name)).Open.Load() == 0 })
	// Another route for the same socket serves sessions that begin later.
	next := tcpRelay(udpServer(t, "c:"))
	next.Listeners[0].Network, next.Listeners[0].Name = ir.UDP, l.Name
	p.MustApply(next)
	if got := udpExchange(t, conns[0], "x"); got != "c:x" {
		t.Errorf("got %q after the change", got)
	}
}

func TestConnectionCaps(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	for name, c := range map[string]struct {
		options ir.Options
		reason  string
	}{
		"listener":    {ir.Options{MaxConnections: 3}, "max_connections"},
		"per address": {ir.Options{MaxConnectionsPerAddress: 3}, "max_connections_per_address"},
	} {
		t.Run(name, func(t *testing.T) {
			p := proxytest.Start(t, proxy.Config{})
			s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
			s.Listeners[0].Options = &c.options
			p.MustApply(s)
			addr := p.Addr(proxytest.HTTPListener)
			get := func(conn *proxytest.Conn) bool {
				conn.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				r, err := conn.ReadResponse("GET")
				return err == nil && r.Status == 200
			}
			var served []*proxytest.Conn
			for range 3 {
				conn := proxytest.Dial(t, addr)
				if !get(conn) {
					t.Fatal("a connection under the cap was not served")
				}
				served = append(served, conn)
			}
			if fresh(addr, get) {
				t.Error("a connection over the cap was served")
			}
			if n := p.Stats().Socket(string(proxytest.HTTPListener)).Refused(c.reason); n != 1 {
				t.Errorf("%d refusals were counted, want 1", n)
			}
			if !get(served[0]) {
				t.Error("a connection under the cap was hurt")
			}
			_ = served[0].Close()
			proxytest.Eventually(t, "there is room again", func() bool { return fresh(addr, get) })
		})
	}
}

// fresh tries a new connection, which may be reset before it is one.
func fresh(addr string, get func(*proxytest.Conn) bool) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return get(proxytest.Wrap(c))
}

func TestProxyProtocol(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	addr := gateway(t, b, func(s *ir.Snapshot) { s.Listeners[0].Options = &ir.Options{ProxyProtocol: true} })
	binaryHeader := func(command byte, body string) string {
		h := "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{0x20 | command, 0x11})
		return string(binary.BigEndian.AppendUint16([]byte(h), uint16(len(body)))) + body
	}
	source := netip.MustParseAddr("1.2.3.4").As4()
	body := string(source[:]) + "\x7f\x00\x00\x01" + "\x04\xd2\x1f\x40"
	for name, c := range map[string]struct{ header, client string }{
		"version 1":           {"PROXY TCP4 1.2.3.4 127.0.0.1 1234 8000\r\n", "1.2.3.4"},
		"version 1, IPv6":     {"PROXY TCP6 2001:db8::1 ::1 1234 8000\r\n", "2001:db8::1"},
		"version 1, unknown":  {"PROXY UNKNOWN\r\n", "127.0.0.1"},
		"version 2":           {binaryHeader(1, body), "1.2.3.4"},
		"version 2, with TLV": {binaryHeader(1, body+"\x04\x00\x02ab"), "1.2.3.4"},
		"version 2, local":    {binaryHeader(0, ""), "127.0.0.1"},
		"none":                {"", ""},
		"wrong family":        {"PROXY TCP4 2001:db8::1 ::1 1234 8000\r\n", ""},
		"leading zero":        {"PROXY TCP4 1.2.3.4 127.0.0.1 01234 8000\r\n", ""},
		"too long":            {"PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n", ""},
		"bad TLV":             {binaryHeader(1, body+"\x04\x00\xff"), ""},
		"short addresses":     {binaryHeader(1, body[:6]), ""},
		"version 3":           {"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, split := range []bool{false, true} {
				before := len(b.Seen())
				conn := proxytest.Dial(t, addr)
				request := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
				if split && len(c.header) > 2 {
					conn.Send(c.header[:len(c.header)/2])
					time.Sleep(10 * time.Millisecond)
					conn.Send(c.header[len(c.header)/2:] + request)
				} else {
					conn.Send(c.header + request)
				}
				got := conn.ReadAll()
				if c.client == "" {
					if got != "" {
						t.Errorf("got %q, want the connection's end", got)
					}
					continue
				}
				if !strings.HasPrefix(got, "HTTP/1.1 200") || !strings.Contains(b.Seen()[before:], "X-Forwarded-For: "+c.client+"\r\n") {
					t.Errorf("got %.60q, backend saw %q", got, b.Seen()[before:])
				}
			}
		})
	}
}

// askedFrom has a byte echoed to a client with an address.
func askedFrom(source, addr string) error {
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}).Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

// TestRelaySources: clients of other networks are refused, over TCP at once.
func TestRelaySources(t *testing.T) {
	s := tcpRelay(proxytest.Serve(t, echo).Addr)
	s.Listeners[0].Chains[0].Relay.Sources = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.2/32")}
	addr := relayed(t, s)
	for source, served := range map[string]bool{"127.0.0.1": false, "127.0.0.2": true} {
		if err := askedFrom(source, addr); served && err != nil || !served && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("client %s: got %v", source, err)
		}
	}
	u := tcpRelay(udpServer(t, "a:"))
	u.Listeners[0].Network, u.Listeners[0].Name = ir.UDP, "udp/127.0.0.1:0"
	u.Listeners[0].Chains[0].Relay.Sources = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(u)
	refused, err := net.Dial("udp", p.Addr(u.Listeners[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	_, _ = refused.Write([]byte("x"))
	stats := p.Stats().Listener(u.Listeners[0].Chains[0].Origin.String())
	proxytest.Eventually(t, "datagram is refused", func() bool { return stats.Replies("source_not_allowed") > 0 })
	c, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp", p.Addr(u.Listeners[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := udpExchange(t, c, "x"); got != "a:x" {
		t.Errorf("got %q", got)
	}
}
