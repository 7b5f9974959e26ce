package loadbalancer

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// pool is the range of addresses. Those of its last quarter go to Services that ask for
// them only.
type pool struct {
	addresses netip.Prefix
	// last is the address given without a request most recently. The next one is another,
	// so that what was just released does not lead to somebody else at once.
	last netip.Addr
}

// change is a Service and the address that it is to have, which is invalid for none.
type change struct {
	service *corev1.Service
	address netip.Addr
}

// assign says what has to change for every Service to have what it is entitled to.
// The oldest come first.
func (p *pool) assign(services []*corev1.Service) []change {
	services = slices.Clone(services)
	slices.SortFunc(services, func(a, b *corev1.Service) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	taken := map[netip.Addr]bool{}
	var waiting []*corev1.Service
	var changes []change
	for _, s := range services {
		has := p.address(s)
		switch {
		case !ours(s):
			if has.IsValid() && s.Spec.Type != corev1.ServiceTypeLoadBalancer {
				changes = append(changes, change{service: s})
			}
		case has.IsValid() && !taken[has] && (s.Spec.LoadBalancerIP == "" || s.Spec.LoadBalancerIP == has.String()):
			taken[has] = true
		default:
			waiting = append(waiting, s)
		}
	}
	for _, s := range waiting {
		address := p.choose(s, taken)
		taken[address] = true
		if address != p.address(s) {
			changes = append(changes, change{service: s, address: address})
		}
	}
	return changes
}

// ours tells that the Service wants an address, and from nobody else.
func ours(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.LoadBalancerClass == nil && s.DeletionTimestamp == nil
}

// address is what a Service has from the pool.
func (p *pool) address(s *corev1.Service) netip.Addr {
	for _, i := range s.Status.LoadBalancer.Ingress {
		if a, err := netip.ParseAddr(i.IP); err == nil && p.addresses.Contains(a) {
			return a
		}
	}
	return netip.Addr{}
}

// choose finds the address for a Service. One that asks for what cannot be had waits.
func (p *pool) choose(s *corev1.Service, taken map[netip.Addr]bool) netip.Addr {
	if s.Spec.LoadBalancerIP != "" {
		a, err := netip.ParseAddr(s.Spec.LoadBalancerIP)
		if err != nil || !p.usable(a) || taken[a] {
			return netip.Addr{}
		}
		return a
	}
	a := p.last
	for range p.free() {
		if a = a.Next(); !a.IsValid() || !p.addresses.Contains(a) || p.distance(a) > p.free() {
			a = p.addresses.Masked().Addr().Next()
		}
		if !taken[a] {
			p.last = a
			return a
		}
	}
	return netip.Addr{}
}

// usable tells that an address is a host's: the first and last of a network are not.
func (p *pool) usable(a netip.Addr) bool {
	return p.addresses.Contains(a) && p.distance(a) != 0 && p.distance(a) != p.size()-1
}

func (p *pool) size() int { return 1 << (32 - p.addresses.Bits()) }

// free is the number of addresses that need no request.
func (p *pool) free() int { return p.size() * 3 / 4 }

// distance is how far an address is from the first one.
func (p *pool) distance(a netip.Addr) int {
	first, this := p.addresses.Masked().Addr().As4(), a.As4()
	n := 0
	for i := range this {
		n = n<<8 + int(this[i]) - int(first[i])
	}
	return n
}
