package report_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/translate/report"
)

func TestConditionsObserveTheGenerationAndAreSorted(t *testing.T) {
	given := []metav1.Condition{report.RouteResolvedRefs(), report.RouteAccepted()}
	got := report.Conditions(7, given...)
	if got[0].Type != "Accepted" || got[1].Type != "ResolvedRefs" {
		t.Errorf("order is %s, %s", got[0].Type, got[1].Type)
	}
	for _, c := range got {
		if c.ObservedGeneration != 7 {
			t.Errorf("%s observes generation %d, want 7", c.Type, c.ObservedGeneration)
		}
		if !c.LastTransitionTime.IsZero() {
			t.Errorf("%s has a transition time", c.Type)
		}
	}
	if given[0].Type != "ResolvedRefs" || given[0].ObservedGeneration != 0 {
		t.Error("the given conditions were changed")
	}
}
