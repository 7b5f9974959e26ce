package istio

import (
	"fmt"
	"strings"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// tls compiles a rule for connections whose TLS is passed through.
func (c *compiler) tls(index int, r *istiov1.TLSRoute) {
	entry := relayEntry{origin: originOf(c.out.key, ruleName("tls", index, ""))}
	entry.raw = c.relayDestinations(r.Route, policy.Raw)
	served := false
	for i := range r.Match {
		m := &r.Match[i]
		names, err := serverNames(m)
		if err != nil {
			c.drop(fmt.Sprintf("match[%d].%v", i, err))
			continue
		}
		served = true
		entry.scope, entry.serverNames = c.scope(m.Port, m.Gateways), names
		c.out.tls = append(c.out.tls, entry)
	}
	if served {
		c.out.rules++
	} else if len(r.Match) == 0 {
		c.drop("match: is required, with sniHosts")
	}
}

func serverNames(m *istiov1.TLSMatchAttributes) ([]string, error) {
	if err := unsupportedTLSMatch(m); err != nil {
		return nil, err
	}
	if len(m.SNIHosts) == 0 {
		return nil, fmt.Errorf("sniHosts: is required")
	}
	var names []string
	for i, text := range m.SNIHosts {
		name := strings.ToLower(text)
		if !isHostname(name) {
			return nil, fmt.Errorf("sniHosts[%d]: %q is not a host name", i, text)
		}
		if name == "*" {
			name = ""
		}
		names = append(names, name)
	}
	return names, nil
}

// tcp compiles a rule for bytes.
func (c *compiler) tcp(index int, r *istiov1.TCPRoute) {
	entry := relayEntry{
		origin:    originOf(c.out.key, ruleName("tcp", index, "")),
		raw:       c.relayDestinations(r.Route, policy.Raw),
		decrypted: c.relayDestinations(r.Route, policy.Decrypted),
	}
	if len(r.Match) == 0 {
		r = &istiov1.TCPRoute{Match: []istiov1.L4MatchAttributes{{}}}
	}
	served := false
	for i := range r.Match {
		m := &r.Match[i]
		if err := unsupportedTCPMatch(m); err != nil {
			c.drop(fmt.Sprintf("match[%d].%v", i, err))
			continue
		}
		served = true
		entry.scope = c.scope(m.Port, m.Gateways)
		c.out.tcp = append(c.out.tcp, entry)
	}
	if served {
		c.out.rules++
	}
}

// relayDestinations are never none: connections are accepted and closed, and the log
// says why.
func (c *compiler) relayDestinations(list []istiov1.RouteDestination, traffic policy.Traffic) []ir.Destination {
	var destinations []ir.Destination
	for _, d := range list {
		out := c.destination(d.Destination, traffic)
		if out.Weight = weight(d.Weight, len(list)); out.Weight > 0 {
			destinations = append(destinations, out)
		}
	}
	if len(destinations) == 0 {
		return []ir.Destination{{Weight: 1, Failure: &ir.Respond{Status: 500, Reason: core.ReasonNoBackends}}}
	}
	return destinations
}
