package loadbalancer

import (
	"errors"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// routes are the nodes that addresses lead to.
type routes map[netip.Addr]string

// routes says where traffic has to go for the Services that take it on nodes with pods
// of theirs only. An address stays with the node that it leads to while that has such a
// pod. Nothing is said about a Service without any: its traffic is lost wherever it goes.
func (p *pool) routes(services []*corev1.Service, endpoints []*discoveryv1.EndpointSlice, now routes) routes {
	wanted := routes{}
	for _, s := range services {
		address := p.address(s)
		if !address.IsValid() || s.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
			continue
		}
		switch nodes := serving(s, endpoints); {
		case slices.Contains(nodes, now[address]):
			wanted[address] = now[address]
		case len(nodes) > 0:
			wanted[address] = slices.Min(nodes)
		}
	}
	return wanted
}

// serving are the nodes with ready pods of a Service or, if there are none, with pods
// that still serve while they end: kube-proxy chooses in the same way.
func serving(s *corev1.Service, endpoints []*discoveryv1.EndpointSlice) []string {
	var ready, ending []string
	for _, slice := range endpoints {
		if slice.Namespace != s.Namespace || slice.Labels[discoveryv1.LabelServiceName] != s.Name {
			continue
		}
		for _, e := range slice.Endpoints {
			switch {
			case e.NodeName == nil:
			case e.Conditions.Ready == nil || *e.Conditions.Ready:
				ready = append(ready, *e.NodeName)
			case e.Conditions.Serving != nil && *e.Conditions.Serving:
				ending = append(ending, *e.NodeName)
			}
		}
	}
	if len(ready) > 0 {
		return ready
	}
	return ending
}

// change makes the routes those that are wanted. What fails stays as it was.
func (r routes) change(wanted routes, route func(address netip.Addr, node string) error) error {
	var failed error
	for address := range r {
		if wanted[address] != "" {
			continue
		}
		if err := route(address, ""); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		delete(r, address)
	}
	for address, node := range wanted {
		if r[address] == node {
			continue
		}
		if err := route(address, node); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		r[address] = node
	}
	return failed
}
