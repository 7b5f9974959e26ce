package proxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// zone is what a tenant has in a name server: names for addresses of others.
func zone(_ context.Context, name string) ([]netip.Addr, error) {
	addr, ok := map[string]string{
		"loopback.example": "127.0.0.1", "mapped.example": "::ffff:127.0.0.1", "unspecified.example": "0.0.0.0", "translated.example": "64:ff9b::7f00:1",
	}[name]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr(addr)}, nil
}

// behind is a name and the port of an address.
func behind(t *testing.T, name, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(name, port)
}

// complaints is a log that may be read while it is written.
type complaints struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *complaints) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *complaints) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.all.String(), text)
}

// TestNameOfForbiddenAddress: a server on this machine cannot be reached through a name
// that resolves to it, as soon and as long as the snapshot says that names are
// restricted: not with a connection that was made before, and not by copies either.
func TestNameOfForbiddenAddress(t *testing.T) {
	for _, name := range []string{"loopback.example", "mapped.example", "unspecified.example", "translated.example"} {
		t.Run(name, func(t *testing.T) {
			victim, other := proxytest.Serve(t, answer(ok)), proxytest.Serve(t, answer(ok))
			var log complaints
			p := proxytest.Start(t, proxy.Config{Lookup: zone, Log: slog.New(slog.NewTextHandler(&log, nil))})
			copied := proxytest.To("/copied", "other")
			copied.Filters = ir.Filters{&ir.Mirror{Backend: "named", Numerator: 1, Denominator: 1}}
			serve := func(r *ir.Resolution) {
				s := proxytest.HTTP([]*ir.Route{copied, proxytest.To("/", "named")},
					map[string]string{"named": behind(t, name, victim.Addr), "other": other.Addr})
				s.Resolution = r
				p.MustApply(s)
			}
			get := func(path string) string {
				r := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", path)
				return strings.TrimSpace(strings.Join([]string{r.Body, r.Header.Get("Fsm-Reason")}, " "))
			}
			open := func() {
				t.Helper()
				if name == "translated.example" { // which needs a router that this machine may not have
					return
				}
				if got := get("/"); got != "ok" {
					t.Fatalf("without restriction: got %q", got)
				}
			}
			serve(nil)
			open()
			before, seen := victim.Conns.Load(), victim.Seen()
			for range 2 {
				serve(&ir.Resolution{})
				for range 3 {
					if got := get("/"); !strings.HasSuffix(got, "backend_forbidden") {
						t.Errorf("got %q", got)
					}
				}
				if got := get("/copied"); got != "ok" {
					t.Errorf("with a copy: got %q", got)
				}
				serve(&ir.Resolution{Refused: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
			}
			if victim.Conns.Load() != before || victim.Seen() != seen {
				t.Error("the forbidden server got a connection or a request")
			}
			if n := log.count("that are forbidden"); n != 1 {
				t.Errorf("logged %d times", n)
			}
			serve(nil)
			open()
		})
	}
}

// TestRestrictionOfNamesOnly: an address that is not a name's is as good as before.
func TestRestrictionOfNamesOnly(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "a")}, nil)
	proxytest.AddBackend(s, "a", behind(t, "loopback.example", b.Addr)+" "+b.Addr)
	s.Resolution = &ir.Resolution{Refused: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	p := proxytest.Start(t, proxy.Config{Lookup: zone})
	p.MustApply(s)
	for range 4 {
		if r := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/"); r.Status != 200 {
			t.Errorf("got %d %s", r.Status, r.Header.Get("Fsm-Reason"))
		}
	}
}

// ask connects, as far as the proxy lets it, and sends something.
func ask(t *testing.T, network ir.Network, addr string) {
	t.Helper()
	transport := network
	if network == "tls" {
		transport = ir.TCP
	}
	c, err := net.Dial(string(transport), addr)
	if err != nil {
		return // it was reset already
	}
	defer c.Close()
	if network != "tls" {
		_, _ = io.WriteString(c, "x")
		return
	}
	if err := tls.Client(c, &tls.Config{ServerName: "a.example"}).Handshake(); err == nil {
		t.Error("somebody answered")
	}
}

// TestRelayToForbiddenAddress: nor is there a way by TCP, TLS or UDP.
func TestRelayToForbiddenAddress(t *testing.T) {
	for _, network := range []ir.Network{ir.TCP, "tls", ir.UDP} {
		t.Run(string(network), func(t *testing.T) {
			victim := proxytest.Serve(t, echo)
			packets, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer packets.Close()
			s := tcpRelay(behind(t, "loopback.example", victim.Addr))
			l := s.Listeners[0]
			switch network {
			case "tls":
				l.Chains[0].Match.TLS = true
			case ir.UDP:
				s = tcpRelay(behind(t, "loopback.example", packets.LocalAddr().String()))
				l = s.Listeners[0]
				l.Network, l.Name = ir.UDP, "udp/127.0.0.1:0"
			}
			s.Resolution = &ir.Resolution{}
			p := proxytest.Start(t, proxy.Config{Lookup: zone})
			p.MustApply(s)
			ask(t, network, p.Addr(l.Name))
			stats := p.Stats().Listener(l.Chains[0].Origin.String())
			proxytest.Eventually(t, "the proxy refuses", func() bool { return stats.Replies("backend_forbidden") > 0 })
			if n := victim.Conns.Load(); n != 0 {
				t.Errorf("the forbidden server got %d connections", n)
			}
			// What the proxy sent by now would be first in line.
			if _, err := packets.WriteTo([]byte("last"), packets.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 10)
			if n, _, err := packets.ReadFrom(buf); err != nil || string(buf[:n]) != "last" {
				t.Errorf("the forbidden server got %q, %v", buf[:n], err)
			}
		})
	}
}
