package status

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

var (
	before = metav1.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now    = metav1.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	ours   = merger{controller: "flomesh.io/gateway-controller", now: now}
)

func condition(kind string, status metav1.ConditionStatus, generation int64, at metav1.Time) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: "R", ObservedGeneration: generation, LastTransitionTime: at}
}

func TestConditions(t *testing.T) {
	none := metav1.Time{}
	foreign := condition("example.com/Scanned", "True", 1, before)
	tests := []struct {
		name          string
		current, want []metav1.Condition
		merged        []metav1.Condition
	}{
		{
			name:   "new ones get the time of now",
			want:   []metav1.Condition{condition("Accepted", "True", 1, none)},
			merged: []metav1.Condition{condition("Accepted", "True", 1, now)},
		},
		{
			name:    "the time stays while the status does",
			current: []metav1.Condition{condition("Accepted", "True", 1, before)},
			want:    []metav1.Condition{condition("Accepted", "True", 2, none)},
			merged:  []metav1.Condition{condition("Accepted", "True", 2, before)},
		},
		{
			name:    "the time moves with the status",
			current: []metav1.Condition{condition("Accepted", "True", 1, before)},
			want:    []metav1.Condition{condition("Accepted", "False", 1, none)},
			merged:  []metav1.Condition{condition("Accepted", "False", 1, now)},
		},
		{
			name:    "those of others stay in their place",
			current: []metav1.Condition{foreign, condition("Programmed", "True", 1, before)},
			want:    []metav1.Condition{condition("Accepted", "True", 1, none), condition("Programmed", "True", 1, none)},
			merged:  []metav1.Condition{foreign, condition("Programmed", "True", 1, before), condition("Accepted", "True", 1, now)},
		},
		{
			name:    "ours that are not wanted go",
			current: []metav1.Condition{condition("InsecureFrontendValidationMode", "True", 1, before), foreign},
			merged:  []metav1.Condition{foreign},
		},
		{
			name:    "what was seen of a later generation is not taken back",
			current: []metav1.Condition{condition("Accepted", "False", 3, before)},
			want:    []metav1.Condition{condition("Accepted", "True", 2, none)},
			merged:  []metav1.Condition{condition("Accepted", "False", 3, before)},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ours.conditions(test.current, test.want, gatewayTypes)
			if diff := cmp.Diff(test.merged, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func parent(controller, gateway string, conditions ...metav1.Condition) gatewayv1.RouteParentStatus {
	return gatewayv1.RouteParentStatus{
		ControllerName: gatewayv1.GatewayController(controller),
		ParentRef:      gatewayv1.ParentReference{Name: gatewayv1.ObjectName(gateway)},
		Conditions:     conditions,
	}
}

func TestParents(t *testing.T) {
	const we = "flomesh.io/gateway-controller"
	accepted, old := condition("Accepted", "True", 1, metav1.Time{}), condition("Accepted", "True", 1, before)
	fresh := condition("Accepted", "True", 1, now)
	theirs := parent("example.com/c", "a", condition("Accepted", "False", 9, before))
	tests := []struct {
		name                  string
		current, want, merged []gatewayv1.RouteParentStatus
	}{
		{
			name:    "those of others stay, even for the same Gateway",
			current: []gatewayv1.RouteParentStatus{theirs},
			want:    []gatewayv1.RouteParentStatus{parent(we, "a", accepted)},
			merged:  []gatewayv1.RouteParentStatus{theirs, parent(we, "a", fresh)},
		},
		{
			name:    "ours that are not wanted go",
			current: []gatewayv1.RouteParentStatus{parent(we, "a", old), theirs, parent(we, "b", old)},
			want:    []gatewayv1.RouteParentStatus{parent(we, "b", accepted)},
			merged:  []gatewayv1.RouteParentStatus{theirs, parent(we, "b", old)},
		},
		{
			name:    "none is an empty list, which the schema demands",
			current: []gatewayv1.RouteParentStatus{parent(we, "a", old)},
			merged:  []gatewayv1.RouteParentStatus{},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.merged, ours.parents(test.current, test.want)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What says the same already is not written.
func TestNothingToWrite(t *testing.T) {
	want := &gatewayv1.GatewayStatus{
		Conditions:           []metav1.Condition{condition("Accepted", "True", 1, metav1.Time{})},
		Listeners:            []gatewayv1.ListenerStatus{{Name: "a", SupportedKinds: []gatewayv1.RouteGroupKind{}}},
		AttachedListenerSets: new(int32(0)),
		Addresses:            []gatewayv1.GatewayStatusAddress{},
	}
	current := &gatewayv1.GatewayStatus{
		Conditions:           []metav1.Condition{condition("Accepted", "True", 1, before), condition("example.com/X", "True", 1, before)},
		Listeners:            []gatewayv1.ListenerStatus{{Name: "a", Conditions: []metav1.Condition{condition("example.com/X", "True", 1, before)}}},
		AttachedListenerSets: new(int32(0)),
	}
	if got := ours.compare(current, want); len(got) > 0 {
		t.Errorf("would write %v", got)
	}
	want.Listeners[0].AttachedRoutes = 1
	if got := ours.compare(current, want); got.names() != "listeners" {
		t.Errorf("would write %q, want listeners only", got.names())
	}
}

// A Gateway that serves does not stop being programmed because it is edited, and a
// new one is not before its proxies say so.
func TestHold(t *testing.T) {
	waiting := condition("Programmed", "Unknown", 0, metav1.Time{})
	want := []metav1.Condition{condition("Accepted", "True", 2, metav1.Time{}), condition("Programmed", "True", 2, metav1.Time{})}
	served := []metav1.Condition{condition("Programmed", "True", 1, before)}
	if got := hold(served, want, waiting); got[1].Status != "True" || got[1].ObservedGeneration != 1 {
		t.Errorf("edited: Programmed is %s of generation %d", got[1].Status, got[1].ObservedGeneration)
	}
	if got := hold(nil, want, waiting); got[1].Status != "Unknown" || got[1].ObservedGeneration != 2 {
		t.Errorf("new: Programmed is %s of generation %d", got[1].Status, got[1].ObservedGeneration)
	}
	refused := []metav1.Condition{condition("Programmed", "False", 2, metav1.Time{})}
	if got := hold(served, refused, waiting); got[0].Status != "False" {
		t.Errorf("refused: Programmed is %s", got[0].Status)
	}
	if want[1].Status != "True" {
		t.Error("what is wanted was changed")
	}
}

// TestIngressAddresses: the addresses are replaced where they differ, and none removes
// those that are there.
func TestIngressAddresses(t *testing.T) {
	status := func(ips ...string) *networkingv1.IngressStatus {
		s := &networkingv1.IngressStatus{}
		for _, ip := range ips {
			s.LoadBalancer.Ingress = append(s.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{IP: ip})
		}
		return s
	}
	for _, test := range []struct {
		name          string
		current, want *networkingv1.IngressStatus
		patch         string
	}{
		{"the same", status("192.0.2.1"), status("192.0.2.1"), `{}`},
		{"the first", status(), status("192.0.2.1"), `{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}`},
		{"others", status("192.0.2.1"), status("192.0.2.2", "192.0.2.3"), `{"loadBalancer":{"ingress":[{"ip":"192.0.2.2"},{"ip":"192.0.2.3"}]}}`},
		{"none", status("192.0.2.1"), status(), `{"loadBalancer":{"ingress":null}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := json.Marshal(ours.compare(test.current, test.want))
			if err != nil || string(got) != test.patch {
				t.Errorf("got %s, %v, want %s", got, err, test.patch)
			}
		})
	}
}
