package policy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// Index finds policies by what they are attached to.
type Index struct {
	src *core.Source
	// backendTLS are the BackendTLSPolicies of each Service, oldest first.
	backendTLS *core.Index[types.NamespacedName, *gatewayv1.BackendTLSPolicy]

	// sessionKey is nil when each proxy has a key of its own.
	sessionKey *ir.Secret
	services   servicePolicies
	gatewayTLS *family[*v1alpha1.GatewayTLSPolicy, bool]
	// Policies of routes and Gateways; some tells whether there are any.
	access *family[*v1alpha1.AccessControlPolicy, access]
	rates  *family[*v1alpha1.RateLimitPolicy, rate]
	faults *family[*v1alpha1.FaultInjectionPolicy, *ir.Fault]
	some   *memo.Table[struct{}, bool]

	settings *memo.Table[types.NamespacedName, *backendTLS] // by policy
	backends *memo.Table[backendKey, *Backend]
	states   *memo.Table[backendKey, State]
	served   *memo.Table[backendKey, Served]
}

// NewIndex returns an index over the policies of a source.
func NewIndex(src *core.Source) *Index {
	x := &Index{src: src, backendTLS: core.NewIndex(src, Targets)}
	if key := src.SessionKey(); key != "" {
		x.sessionKey = &ir.Secret{Name: "session-key", Key: key}
	}
	x.services, x.gatewayTLS = newServicePolicies(src), newGatewayTLS(src)
	x.services.tls.judge, x.gatewayTLS.judge = x.judgeUpstreamTLS, x.judgeGatewayTLS
	x.access, x.rates, x.faults = newAccessFamily(src), newRateFamily(src), newFaultFamily(src)
	limits, guards, faults := existence[*v1alpha1.RateLimitPolicy](src), existence[*v1alpha1.AccessControlPolicy](src), existence[*v1alpha1.FaultInjectionPolicy](src)
	x.some = memo.NewTable(src.Clock(), func(r *memo.Recorder, _ struct{}) bool {
		// All are read, so that the first of a kind is noticed.
		limited, guarded, faulty := limits(r), guards(r), faults(r)
		return limited || guarded || faulty
	})
	x.settings = memo.NewTable(src.Clock(), x.makeBackendTLS)
	x.backends = memo.NewTable(src.Clock(), x.makeBackend)
	x.states = memo.NewTable(src.Clock(), x.state)
	x.served = memo.NewTable(src.Clock(), x.serve)
	return x
}

// Targeted tells whether any policy names the Service.
func (x *Index) Targeted(service types.NamespacedName) bool {
	return len(x.BackendTLSPolicies()) > 0 && len(x.backendTLS.List(nil, service)) > 0
}

// BackendTLSPolicies lists all of them by namespace and name.
func (x *Index) BackendTLSPolicies() []*gatewayv1.BackendTLSPolicy {
	return core.List[*gatewayv1.BackendTLSPolicy](x.src)
}

// Targets are the Services that a policy names, each once.
func Targets(p *gatewayv1.BackendTLSPolicy) []types.NamespacedName {
	var services []types.NamespacedName
	for _, t := range p.Spec.TargetRefs {
		service := types.NamespacedName{Namespace: p.Namespace, Name: string(t.Name)}
		if t.Group == corev1.GroupName && t.Kind == "Service" && !slices.Contains(services, service) {
			services = append(services, service)
		}
	}
	return services
}

// ReportUnused warns of policies to whose Services nothing in the mesh sends.
func (x *Index) ReportUnused(mesh *ir.Mesh, rep *report.Report) {
	var used map[types.NamespacedName]bool
	for _, p := range x.BackendTLSPolicies() {
		key := resource.KeyOf(p)
		if rep.Policies[key] != nil {
			continue // its ancestors send to it
		}
		if used == nil {
			used = services(mesh)
		}
		if !slices.ContainsFunc(Targets(p), func(service types.NamespacedName) bool { return used[service] }) {
			rep.Warn(key, "nothing sends to a Service that the policy targets, so it has no effect")
		}
	}
}

// services are those that have backends.
func services(mesh *ir.Mesh) map[types.NamespacedName]bool {
	all := map[types.NamespacedName]bool{}
	for _, b := range mesh.Backends {
		if b.Origin.Kind == serviceKind.Kind {
			all[types.NamespacedName{Namespace: b.Origin.Namespace, Name: b.Origin.Name}] = true
		}
	}
	return all
}

// winner is the policy that counts for a port of a Service: one that names the
// port before one that does not, then the oldest.
func (x *Index) winner(r *memo.Recorder, service types.NamespacedName, port string) *gatewayv1.BackendTLSPolicy {
	list := x.backendTLS.List(r, service)
	for _, section := range []string{port, ""} {
		for _, p := range list {
			if attached(p, service, section) {
				return p
			}
		}
	}
	return nil
}

// attached tells whether a policy names exactly this section of the Service;
// the empty section is the whole.
func attached(p *gatewayv1.BackendTLSPolicy, service types.NamespacedName, section string) bool {
	return p.Namespace == service.Namespace &&
		slices.ContainsFunc(p.Spec.TargetRefs, func(t gatewayv1.LocalPolicyTargetReferenceWithSectionName) bool {
			return t.Group == corev1.GroupName && t.Kind == "Service" && string(t.Name) == service.Name && sectionOf(t) == section
		})
}

func sectionOf(t gatewayv1.LocalPolicyTargetReferenceWithSectionName) string {
	if t.SectionName == nil {
		return ""
	}
	return string(*t.SectionName)
}
