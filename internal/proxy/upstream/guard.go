package upstream

import (
	"net"
	"net/netip"
	"slices"

	"fsm/internal/ir"
)

// guard knows the addresses that names must not resolve to. Nil refuses none.
type guard struct {
	own      []netip.Addr
	networks []netip.Prefix
	// version tells guards apart.
	version string
}

// newGuard makes the guard of a snapshot. The addresses of the proxy are asked for with
// each snapshot: a pod keeps them as long as it lives.
func newGuard(r *ir.Resolution) (*guard, error) {
	if r == nil {
		return nil, nil
	}
	g := &guard{networks: r.Refused, version: r.Hash()}
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				g.own = append(g.own, ip.Unmap())
			}
		}
	}
	return g, err
}

// refuses tells whether no name may resolve to an address.
func (g *guard) refuses(a netip.Addr) bool {
	if g == nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return neverElsewhere(a) || slices.Contains(g.own, a) ||
		slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(a) }) ||
		g.refusesEmbedded(a)
}

// Networks that are no other machine's, and that package netip has no word for. To
// Linux, 0.0.0.0 is the machine itself (RFC 1122, section 3.2.1.3).
var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

// neverElsewhere are the addresses that mean this machine, its link, or many at once.
// Link-local ones are those of the metadata services of clouds as well.
func neverElsewhere(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		thisNetwork.Contains(a) || a == broadcast
}

// IPv6 addresses that a router, or the kernel, turns into IPv4 ones, and where they
// have them: NAT64 (RFC 6052, section 2.1), 6to4 (RFC 3056, section 2), and the
// IPv4-compatible ones (RFC 4291, section 2.5.5.1).
var embeddings = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

func (g *guard) refusesEmbedded(a netip.Addr) bool {
	for _, e := range embeddings {
		if e.prefix.Contains(a) {
			b := a.As16()
			return g.refuses(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	return false
}

// permitted are the addresses that are not refused.
func (g *guard) permitted(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), g.refuses)
}
