package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

// access is what an AccessControlPolicy comes to for a part of its target: one of the
// two, by the kind of target.
type access struct {
	filter *ir.AccessControl
	port   *ir.PortAccess
}

// Kinds of policies, as they name themselves in origins.
const (
	accessControlKind  = "AccessControlPolicy"
	rateLimitKind      = "RateLimitPolicy"
	faultInjectionKind = "FaultInjectionPolicy"
	upstreamTLSKind    = "UpstreamTLSPolicy"
)

func newAccessFamily(src *core.Source) *family[*v1alpha1.AccessControlPolicy, access] {
	f := newFamily(src, accessControlKind, readAccess, gatewayKind, httpRouteKind, grpcRouteKind)
	// Whoever restricts access wants nobody rather than everybody.
	f.closed = true
	return f
}

func readAccess(p *v1alpha1.AccessControlPolicy, rd *reading[access]) {
	s := &p.Spec
	es := entries[v1alpha1.AccessControlConfig]{name: "config", fallback: s.Config}
	for i, e := range s.Ports {
		es.port(i, e.Port, e.Config)
	}
	for i, e := range s.Hostnames {
		es.hostname(i, e.Hostname, e.Config)
	}
	for i, e := range s.HTTPAccessControls {
		es.http(i, e.Match, e.Config)
	}
	for i, e := range s.GRPCAccessControls {
		es.grpc(i, e.Match, e.Config)
	}
	fit(&es, rd, s.TargetRef, fields{len(s.Ports), len(s.Hostnames), len(s.HTTPAccessControls), len(s.GRPCAccessControls)})
	fill(rd, &es, func(e entry[v1alpha1.AccessControlConfig], at spot) access { return readAccessEntry(p, e, at) })
	if rd.problem != "" {
		for i := range rd.scopes {
			rd.scopes[i].setting = closedAccess(p, rd.scopes[i].part, rd.problem)
		}
	}
}

func readAccessEntry(p *v1alpha1.AccessControlPolicy, e entry[v1alpha1.AccessControlConfig], at spot) access {
	c, by := e.config, origin(accessControlKind, p, e.part)
	rule := ir.AddressRule{
		Allow: readPrefixes(c.Whitelist, at.under("whitelist")),
		Deny:  readPrefixes(c.Blacklist, at.under("blacklist")),
	}
	switch {
	case len(c.Whitelist) == 0 && len(c.Blacklist) == 0:
		at.wrong(": one of whitelist and blacklist needs an entry")
	case len(rule.Allow) > 0:
		rule.Deny = nil
	}
	xff := valueOr(c.EnableXFF, false)
	if e.level == byPort {
		if xff {
			at.wrong(".enableXFF: a port sees no headers; remove it, or let targetRef name a route")
		}
		return access{port: &ir.PortAccess{Policy: by, AddressRule: rule}}
	}
	return access{filter: &ir.AccessControl{
		Policy: by, AddressRule: rule, ForwardedFor: xff,
		Status: at.under("statusCode").status(c.StatusCode, 403), Body: valueOr(c.Message, ""),
	}}
}

// closedAccess admits nobody.
func closedAccess(p *v1alpha1.AccessControlPolicy, about part, problem string) access {
	by := origin(accessControlKind, p, about)
	if about.level == byPort {
		return access{port: &ir.PortAccess{Policy: by, Closed: true}}
	}
	message := fmt.Sprintf("%s %s/%s: %s", accessControlKind, p.Namespace, p.Name, problem)
	return access{filter: &ir.AccessControl{Policy: by, Failure: &ir.Respond{Status: 500, Reason: core.ReasonPolicyInvalid, Message: message}}}
}

// readPrefixes reads addresses and networks.
func readPrefixes(list []string, at spot) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range list {
		prefix, err := ParsePrefix(text)
		if err != nil {
			at.wrong(": %v", err)
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	return slices.Compact(prefixes)
}

// ParsePrefix reads an address or a network.
func ParsePrefix(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if address, wrong := netip.ParseAddr(text); wrong == nil && address.Zone() == "" {
		prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", text)
	}
	return unmap(prefix).Masked(), nil
}

// unmap writes IPv4 in IPv6 as IPv4, which is how clients' addresses are compared.
func unmap(p netip.Prefix) netip.Prefix {
	const mapped = 96
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p
}
