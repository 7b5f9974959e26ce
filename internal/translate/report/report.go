package report

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
)

// Report is what a translation has to say about the objects of a set. Its
// values are shared between reports and must not be changed.
type Report struct {
	Classes      map[resource.Key]*gatewayv1.GatewayClassStatus
	Gateways     map[resource.Key]*gatewayv1.GatewayStatus
	ListenerSets map[resource.Key]*gatewayv1.ListenerSetStatus
	Ingresses    map[resource.Key]*IngressStatus
	// Routes of all kinds.
	Routes   map[resource.Key]*gatewayv1.RouteStatus
	Policies map[resource.Key]*gatewayv1.PolicyStatus
	// Conditions are those of kinds whose status has conditions and nothing else that
	// is ours: those of Istio.
	Conditions map[resource.Key][]metav1.Condition
	// Commits are the states of the policies of group policy.flomesh.io.
	Commits map[resource.Key]Commit
	// Attachments are the statuses of our own policies, which have no ancestors.
	Attachments map[resource.Key]*v1alpha1.PolicyStatus
	// Targets are what each policy is attached to, whether that exists or not.
	Targets map[resource.Key][]resource.Key
	// Warnings name, for each object, the field and how to mend it.
	Warnings map[resource.Key][]string
	// Contested says, for each object, what another one has that it wants; see
	// [Report.Conflicts].
	Contested map[resource.Key][]string
	// Problems are those of the set: objects that were refused, and more warnings.
	Problems []resource.Problem
	// Users are, for each Secret and ConfigMap, the listeners that cannot serve
	// without it.
	Users map[ir.Origin][]Listener
	// Attached are the accepted ListenerSets of each Gateway.
	Attached map[resource.Key][]resource.Key
	// Orphans are the Gateways whose GatewayClass does not exist. Whose they are
	// nobody can tell, so what they have should stay as it is.
	Orphans map[resource.Key]bool
}

// Listener names a listener of a Gateway or of a ListenerSet.
type Listener struct {
	Object resource.Key
	Name   gatewayv1.SectionName
}

// Commit tells whether a policy is in force. Reason says why, or why not.
type Commit struct {
	OK     bool
	Reason string
}

// New returns a Report without objects, with room for so many routes.
func New(routes int) *Report {
	return &Report{
		Classes:      map[resource.Key]*gatewayv1.GatewayClassStatus{},
		Gateways:     map[resource.Key]*gatewayv1.GatewayStatus{},
		ListenerSets: map[resource.Key]*gatewayv1.ListenerSetStatus{},
		Ingresses:    map[resource.Key]*IngressStatus{},
		Routes:       make(map[resource.Key]*gatewayv1.RouteStatus, routes),
		Policies:     map[resource.Key]*gatewayv1.PolicyStatus{},
		Conditions:   map[resource.Key][]metav1.Condition{},
		Commits:      map[resource.Key]Commit{},
		Attachments:  map[resource.Key]*v1alpha1.PolicyStatus{},
		Targets:      map[resource.Key][]resource.Key{},
		Warnings:     map[resource.Key][]string{},
		Contested:    map[resource.Key][]string{},
		Users:        map[ir.Origin][]Listener{},
		Attached:     map[resource.Key][]resource.Key{},
		Orphans:      map[resource.Key]bool{},
	}
}

// Warn adds warnings about an object.
func (r *Report) Warn(object resource.Key, warnings ...string) {
	if len(warnings) > 0 {
		r.Warnings[object] = append(r.Warnings[object], warnings...)
	}
}

// WarnOnce adds a warning, if there is one, that several may have to give.
func (r *Report) WarnOnce(object resource.Key, warning string) {
	if warning != "" && !slices.Contains(r.Warnings[object], warning) {
		r.Warn(object, warning)
	}
}
