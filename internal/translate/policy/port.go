package policy

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// serviceKey is a Service as a target.
func serviceKey(service types.NamespacedName) resource.Key {
	return resource.Key{Kind: "Service", Namespace: service.Namespace, Name: service.Name}
}

// portKind is one kind of policy whose granularity is the port of a Service or
// Gateway. C is what it says about a port.
type portKind[P object, C any] struct {
	src  *core.Source
	name string
	// list finds policies by target, oldest first.
	list *core.Index[resource.Key, P]
	// targets are the kinds that it can be attached to, in words.
	targets []resource.Key
	// ports are those that a policy names, each with what holds for it: its own
	// config or else that of the policy; nil when there is neither.
	ports func(P) []portConfig[C]
	// check says what in a config cannot be put to work: the field, why, and what to
	// write; or nothing.
	check func(*C) string
	// judge may refuse what a policy says for one of its ports, of which it counts, for
	// the sake of other objects; nil for kinds that need none.
	judge func(p P, i int, c portConfig[C]) *metav1.Condition
}

// Kinds of targets with ports.
var (
	serviceTargets = []resource.Key{{Kind: "Service"}, {Group: core.ImportGroup, Kind: "ServiceImport"}}
	gatewayTargets = []resource.Key{gatewayKind}
)

type portConfig[C any] struct {
	port   int32
	config *C
}

func newPortKind[P object, C any](src *core.Source, k portKind[P, C]) *portKind[P, C] {
	k.src = src
	k.list = core.NewIndex(src, func(p P) []resource.Key { return []resource.Key{targetOf(p)} })
	return &k
}

// winner is the policy that counts for a port, and what it says: the oldest that
// names the port and can be put to work.
func (k *portKind[P, C]) winner(r *memo.Recorder, key resource.Key, port int32) (winner P, config *C) {
	for _, p := range k.list.List(r, key) {
		if !k.permitted(r, p) || k.problem(p) != "" {
			continue
		}
		for _, c := range k.ports(p) {
			if c.port == port {
				return p, c.config
			}
		}
	}
	return winner, nil
}

// origin names a policy of the kind.
func (k *portKind[P, C]) origin(p P) ir.Origin {
	return ir.Origin{Kind: k.name, Namespace: p.GetNamespace(), Name: p.GetName()}
}

// permitted tells whether the policy may be attached to its target, which may be in
// another namespace.
func (k *portKind[P, C]) permitted(r *memo.Recorder, p P) bool {
	from := core.Referrer{Group: v1alpha1.GroupName, Kind: k.name, Namespace: p.GetNamespace()}
	return k.src.Permits(r, from, targetOf(p))
}

// problem says what is wrong with a policy in itself.
func (k *portKind[P, C]) problem(p P) string {
	if t := targetOf(p); !slices.Contains(k.targets, kindOf(t)) {
		return fmt.Sprintf("targetRef: %s %q is not a target for this kind of policy; use %s", t.Kind, t.Name, kindList(k.targets))
	}
	for i, c := range k.ports(p) {
		if c.config == nil {
			return fmt.Sprintf("ports[%d].config is required where there is no config for all ports", i)
		}
		if k.check == nil {
			continue
		}
		if problem := k.check(c.config); problem != "" {
			return fmt.Sprintf("ports[%d].config.%s", i, problem)
		}
	}
	return ""
}

// accepted is the policy's condition. The target is looked at by exists, which says
// what is missing: the object as a whole, or one of its ports. A policy that is for
// several ports is accepted while it acts at one, unless what it protects fails at
// another.
func (k *portKind[P, C]) accepted(p P, exists func(port int32) string) metav1.Condition {
	key := targetOf(p)
	switch problem := k.problem(p); {
	case problem != "":
		return report.PolicyInvalid(problem)
	case !k.permitted(nil, p):
		return report.PolicyRefNotPermitted(fmt.Sprintf("no ReferenceGrant in namespace %q allows a %s of namespace %q to refer to %s %q",
			key.Namespace, k.name, p.GetNamespace(), key.Kind, key.Name))
	}
	var refusals []string
	var idle metav1.Condition
	counts := false
	for i, c := range k.ports(p) {
		refused := k.refusal(p, i, c, exists)
		if refused == nil {
			counts = true
			continue
		}
		if !harmless(refused) {
			return *refused
		}
		refusals = append(refusals, refused.Message)
		if len(refusals) == 1 || conflicted(refused) {
			idle = *refused
		}
	}
	said := strings.Join(refusals, "; ")
	if counts {
		return report.PolicyAcceptedBut(said)
	}
	idle.Message = said
	return idle
}

// refusal says why a policy does not act at one of its ports; nil if it does.
func (k *portKind[P, C]) refusal(p P, i int, c portConfig[C], exists func(port int32) string) *metav1.Condition {
	if missing := exists(c.port); missing != "" {
		return new(report.PolicyTargetNotFound(missing))
	}
	if winner, _ := k.winner(nil, targetOf(p), c.port); winner != p {
		return new(report.PolicyConflicted(fmt.Sprintf("%s %s/%s is older or comes first by name, and names port %d of the same target",
			k.name, winner.GetNamespace(), winner.GetName(), c.port)))
	}
	if k.judge == nil {
		return nil
	}
	return k.judge(p, i, c)
}

func conflicted(c *metav1.Condition) bool {
	return c.Reason == string(gatewayv1.PolicyReasonConflicted)
}

// harmless tells whether a port that a policy is refused for is as it would be without
// the policy. Otherwise the policy makes it fail.
func harmless(c *metav1.Condition) bool {
	return conflicted(c) || c.Reason == string(gatewayv1.PolicyReasonTargetNotFound)
}

// report writes the status of each policy of the kind.
func (k *portKind[P, C]) report(rep *report.Report, missing func(key resource.Key, port int32) string) {
	for _, p := range core.List[P](k.src) {
		k.reportOne(rep, p, missing)
	}
}

func (k *portKind[P, C]) reportOne(rep *report.Report, p P, missing func(key resource.Key, port int32) string) {
	key := targetOf(p)
	c := k.accepted(p, func(port int32) string { return missing(key, port) })
	rep.Targets[resource.KeyOf(p)] = []resource.Key{key}
	rep.Attachments[resource.KeyOf(p)] = &v1alpha1.PolicyStatus{Conditions: report.Conditions(p.GetGeneration(), c)}
}

// missingPort says what of a Service is missing. ServiceImports come with clusters
// that are yet to join, so that nothing of them can be missing.
func (x *Index) missingPort(key resource.Key, port int32) string {
	if key.Kind != "Service" {
		return ""
	}
	service := core.Get[*corev1.Service](x.src, nil, types.NamespacedName{Namespace: key.Namespace, Name: key.Name})
	if service == nil {
		return fmt.Sprintf("Service %s/%s does not exist", key.Namespace, key.Name)
	}
	if !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port }) {
		return fmt.Sprintf("Service %s/%s has no port %d", key.Namespace, key.Name, port)
	}
	return ""
}
