package istio

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// destination resolves a destination. One that does not resolve keeps its share of
// the requests, and fails them.
func (c *compiler) destination(d istiov1.Destination, traffic policy.Traffic) ir.Destination {
	name, err := c.backend(d, traffic)
	if err != nil {
		return ir.Destination{Weight: 1, Failure: &ir.Respond{Status: 500, Reason: err.Reply, Message: err.Message}}
	}
	return ir.Destination{Weight: 1, Backend: name}
}

// backend resolves a destination and notes the backend as used.
func (c *compiler) backend(d istiov1.Destination, traffic policy.Traffic) (ir.BackendName, *core.RefError) {
	f := c.frontend
	if d.Subset != "" {
		return "", c.unresolved(&core.RefError{
			Reason: gatewayv1.RouteReasonUnsupportedValue, Reply: core.ReasonUnsupportedValue,
			Message: fmt.Sprintf("%s: subset %q: DestinationRules are not supported; use a Service for each version", c.path, d.Subset),
		})
	}
	ref := c.reference(d)
	if ref.Port == 0 {
		return "", c.unresolved(&core.RefError{
			Reason: gatewayv1.RouteReasonBackendNotFound, Reply: core.ReasonBackendNotFound,
			Message: fmt.Sprintf("%s: Service %s/%s has no port of that name, or more than one; give port.number", c.path, ref.Namespace, ref.Name),
		})
	}
	found, err := f.src.Resolve(c.recorder, ref)
	if err != nil {
		return "", c.unresolved(err)
	}
	slot, state := f.policies.ForBackend(c.recorder, found, policy.Use{Traffic: spoken(found, traffic)})
	if state.Failed {
		_ = c.unresolved(&state.Err)
	}
	if used := (backendUse{slot, found.Service}); !slices.Contains(c.out.backends, used) {
		c.out.backends = append(c.out.backends, used)
	}
	return state.Name, nil
}

func (c *compiler) unresolved(err *core.RefError) *core.RefError {
	c.out.unresolved = append(c.out.unresolved, err)
	return err
}

// spoken is the traffic that a Service port is for. In Istio the name of a port may
// say that it speaks HTTP/2, where its appProtocol does not.
func spoken(d core.Destination, traffic policy.Traffic) policy.Traffic {
	if traffic != policy.HTTP || d.AppProtocol != "" {
		return traffic
	}
	switch prefix, _, _ := strings.Cut(d.PortName, "-"); prefix {
	case "grpc", "http2":
		return policy.GRPC
	}
	return traffic
}

// reference reads both spellings of a destination: the short name of a Service in the
// own namespace, and its full name. Any other name with dots is one outside.
//
// As in Istio, a Service of another namespace may be named from files. In a cluster
// its namespace has to allow it with a ReferenceGrant, as for any other route of ours.
func (c *compiler) reference(d istiov1.Destination) core.Reference {
	own := c.out.key
	ref := core.Reference{
		From: core.Referrer{Group: own.Group, Kind: own.Kind, Namespace: own.Namespace},
		Kind: "Service", Namespace: own.Namespace, Name: strings.ToLower(cmp.Or(d.Host, d.Name)),
	}
	if service, ok := c.fullName(ref.Name); ok {
		ref.Namespace, ref.Name = service.Namespace, service.Name
		if c.frontend.config.Standalone {
			ref.From.Namespace = ref.Namespace
		}
	}
	ref.Port = c.port(d.Port, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name})
	return ref
}

// fullName reads "name.namespace.svc", with or without the cluster's domain.
func (c *compiler) fullName(host string) (types.NamespacedName, bool) {
	host = strings.TrimSuffix(strings.TrimSuffix(host, "."), "."+c.frontend.config.DNS.ClusterDomain)
	labels := strings.Split(host, ".")
	if len(labels) != 3 || labels[2] != "svc" {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: labels[1], Name: labels[0]}, true
}

// port is the number that was given, or that of the port with the given name, or of
// the only port. 0, which is no port, if there is none.
func (c *compiler) port(p *istiov1.PortSelector, service types.NamespacedName) int32 {
	if p != nil && p.Number != 0 {
		return int32(min(p.Number, 1<<16))
	}
	found := core.Get[*corev1.Service](c.frontend.src, c.recorder, service)
	if found == nil {
		return 1 // the Service is what is missing
	}
	ports := found.Spec.Ports
	for _, port := range ports {
		if p != nil && port.Name == p.Name || p == nil && len(ports) == 1 {
			return port.Port
		}
	}
	return 0
}
