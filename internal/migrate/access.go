package migrate

import (
	"net/netip"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
)

// guarded is a rule, and whom its requests may come from; nil is everybody.
type guarded[R any] struct {
	rule   R
	access *v1alpha1.AccessControlConfig
}

// parts cuts the rules of a host into those of one route each. A route is guarded as a
// whole, so that its policy does not have to repeat matches.
func parts[R any](rules []guarded[R]) [][]guarded[R] {
	var out [][]guarded[R]
	for i, r := range rules {
		if i > 0 && reflect.DeepEqual(r.access, rules[i-1].access) && len(out[len(out)-1]) < mostRules {
			out[len(out)-1] = append(out[len(out)-1], r)
			continue
		}
		out = append(out, []guarded[R]{r})
	}
	return out
}

// plain are rules without what guards them.
func plain[R any](rules []guarded[R]) []R {
	var out []R
	for _, r := range rules {
		out = append(out, r.rule)
	}
	return out
}

// mostPrefixes is how many entries a list of an AccessControlPolicy can have.
const mostPrefixes = 32

// access takes the lists of clients out of the filters of a route. They become a policy;
// ok is false if it cannot say the same. As in Ingresses, the address is that of the
// connection, and others get 403, which are the defaults of policies.
func (c *converter) access(r *ir.Route) (access *v1alpha1.AccessControlConfig, rest ir.Filters, ok bool) {
	var allow, deny []netip.Prefix
	listed, preflight := false, false
	for _, f := range r.Filters {
		a, isList := f.(*ir.AccessControl)
		if !isList {
			_, cors := f.(*ir.CORS)
			preflight = preflight || cors && !listed
			rest = append(rest, f)
			continue
		}
		listed = true
		allow, deny = append(allow, a.Allow...), append(deny, a.Deny...)
	}
	if !listed {
		return nil, rest, true
	}
	owner := ownerOf(r.Origin)
	if preflight {
		c.add(Differs, owner, "preflights of CORS by clients that are kept out are answered with 403, and not with 204")
	}
	access = accessOf(allow, deny)
	if len(access.Whitelist) > mostPrefixes || len(access.Blacklist) > mostPrefixes {
		c.add(Lost, owner, "%s: an AccessControlPolicy has lists of %d addresses, and it would take more to say who is let in; its requests are answered with 500", r.Origin.Part, mostPrefixes)
		return nil, rest, false
	}
	return access, rest, true
}

// accessOf says in one list what an Ingress says in two. A whitelist and a blacklist do
// not go together in a policy, so that what is denied is cut out of what is allowed.
func accessOf(allow, deny []netip.Prefix) *v1alpha1.AccessControlConfig {
	deny = compact(deny)
	if len(allow) == 0 {
		return &v1alpha1.AccessControlConfig{Blacklist: texts(deny)}
	}
	var left []netip.Prefix
	for _, p := range compact(allow) {
		left = append(left, without(p, deny)...)
	}
	if len(left) == 0 {
		return nobody()
	}
	return &v1alpha1.AccessControlConfig{Whitelist: texts(left)}
}

// nobody keeps everybody out.
func nobody() *v1alpha1.AccessControlConfig {
	return &v1alpha1.AccessControlConfig{Blacklist: []string{"0.0.0.0/0", "::/0"}}
}

// compact leaves out what others contain, in order of addresses.
func compact(prefixes []netip.Prefix) []netip.Prefix {
	prefixes = slices.Clone(prefixes)
	slices.SortFunc(prefixes, netip.Prefix.Compare) // of two with one address the wider comes first
	var out []netip.Prefix
	for _, p := range prefixes {
		if !slices.ContainsFunc(out, func(o netip.Prefix) bool { return contains(o, p) }) {
			out = append(out, p)
		}
	}
	return out
}

func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// without is what is left of a network, in halves of halves.
func without(p netip.Prefix, denied []netip.Prefix) []netip.Prefix {
	switch {
	case slices.ContainsFunc(denied, func(d netip.Prefix) bool { return contains(d, p) }):
		return nil
	case !slices.ContainsFunc(denied, func(d netip.Prefix) bool { return contains(p, d) }):
		return []netip.Prefix{p}
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	bytes := p.Addr().AsSlice()
	bytes[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	upper, _ := netip.AddrFromSlice(bytes) // it has the length of an address
	high := netip.PrefixFrom(upper, low.Bits())
	return append(without(low, denied), without(high, denied)...)
}

func texts(prefixes []netip.Prefix) []string {
	var out []string
	for _, p := range prefixes {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
			continue
		}
		out = append(out, p.String())
	}
	return out
}

// guard writes who may send to a route.
func (c *converter) guard(route resource.Object, access *v1alpha1.AccessControlConfig) {
	if access == nil {
		return
	}
	kind, _ := resource.KindOf(route)
	c.attached = append(c.attached, &v1alpha1.AccessControlPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: route.GetNamespace(), Name: route.GetName()},
		Spec: v1alpha1.AccessControlPolicySpec{
			TargetRef: v1alpha1.TargetRef{Group: gatewayv1.GroupName, Kind: gatewayv1.Kind(kind.Name), Name: gatewayv1.ObjectName(route.GetName())},
			Config:    access,
		},
	})
}
