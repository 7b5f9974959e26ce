package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"

	"fsm/internal/ir"
	"fsm/internal/proxy/socket"
)

func restriction(networks ...string) *ir.Resolution {
	r := &ir.Resolution{}
	for _, n := range networks {
		r.Refused = append(r.Refused, netip.MustParsePrefix(n))
	}
	r.Seal()
	return r
}

func TestGuard(t *testing.T) {
	g, err := newGuard(restriction("10.96.0.0/12", "10.244.0.0/24", "192.0.2.7/32", "fd00:10::/64"))
	if err != nil {
		t.Fatal(err)
	}
	for addr, refused := range map[string]bool{
		// this machine, its links, and many at once
		"127.0.0.1": true, "127.1.2.3": true, "::1": true, "0.0.0.0": true, "0.1.2.3": true, "::": true,
		"169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true, "224.0.0.1": true, "ff02::1": true, "255.255.255.255": true,
		// the cluster's
		"10.96.0.1": true, "10.111.255.255": true, "10.244.0.9": true, "192.0.2.7": true, "fd00:10::9": true, "fd00:10::9%eth0": true,
		// other ways to write them
		"::ffff:10.96.0.1": true, "::ffff:127.0.0.1": true, "::ffff:169.254.169.254": true,
		"64:ff9b::a60:1": true, "64:ff9b::7f00:1": true, "2002:a60:1::1": true, "2002:7f00:1::": true, "::10.96.0.1": true,
		// anybody else's
		"192.0.2.8": false, "10.112.0.1": false, "10.244.1.1": false, "10.0.0.1": false, "172.16.0.1": false, "2001:db8::1": false, "fd00:11::9": false,
		"::ffff:192.0.2.8": false, "64:ff9b::c000:208": false, "2002:c000:208::1": false,
	} {
		if got := g.refuses(netip.MustParseAddr(addr)); got != refused {
			t.Errorf("%s: refused is %v, want %v", addr, got, refused)
		}
		if (*guard)(nil).refuses(netip.MustParseAddr(addr)) {
			t.Errorf("%s: refused without restriction", addr)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		if ip, ok := netip.AddrFromSlice(a.(*net.IPNet).IP); ok && !g.refuses(ip) {
			t.Errorf("%s: the proxy's own address is not refused", ip)
		}
	}
}

// TestRestrictedName: of a name with several addresses those that may be used are, the
// restriction can change at any time, and endpoints of another kind stay.
func TestRestrictedName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{addrs: []string{"10.96.0.1", "192.0.2.1", "2001:db8::1"}}
		keeper := &socket.Keeper{}
		r := NewRegistry(keeper, d.lookup, slog.New(slog.DiscardHandler))
		defer r.Close()
		apply := func(to *ir.Resolution) {
			s := &ir.Snapshot{
				Backends:   map[ir.BackendName]*ir.Backend{"b": {Name: "b", Endpoints: "e"}},
				Endpoints:  map[ir.EndpointsName]*ir.Endpoints{"e": {Name: "e", Items: []ir.Endpoint{{Address: "a.example", Port: 80}}}},
				Resolution: to,
			}
			s.Seal()
			r.Update(s)
			r.Retire()
			synctest.Wait()
		}
		expect := func(when, want string) {
			t.Helper()
			b := r.Get("b")
			var got []string
			for _, p := range b.All() {
				got = append(got, p.Address().String())
			}
			if f := b.Failure(); f != nil {
				got = append(got, fmt.Sprintf("%d %s", f.Status, f.Reason))
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%s: got %v, want %s", when, got, want)
			}
		}
		apply(nil)
		expect("unrestricted", "[10.96.0.1:80 192.0.2.1:80]")
		apply(restriction("10.96.0.0/12"))
		expect("one is refused", "[192.0.2.1:80]")
		apply(restriction("10.96.0.0/12", "192.0.2.0/24"))
		expect("all of IPv4 is refused", "[[2001:db8::1]:80]")
		apply(restriction("::/0", "10.96.0.0/12", "192.0.2.0/24"))
		expect("everything is refused", "[503 backend_forbidden]")
		apply(restriction())
		expect("nothing of the cluster is refused", "[10.96.0.1:80 192.0.2.1:80]")
		d.set(nil, "127.0.0.1")
		r.names.take("a.example", r.names.names["a.example"], mustLookup(t, d), nil)
		expect("moved to this machine", "[503 backend_forbidden]")
		d.set(nil)
		r.names.take("a.example", r.names.names["a.example"], mustLookup(t, d), nil)
		expect("without address", "[503 upstream_dns]")
	})
}

func mustLookup(t *testing.T, d *directory) []netip.Addr {
	t.Helper()
	addrs, err := d.lookup(context.Background(), "a.example")
	if err != nil {
		t.Fatal(err)
	}
	return addrs
}
