package v1_test

import (
	"encoding/json"
	"testing"

	v1 "fsm/api/istio/v1"
)

// TestStatusOfIstio: what Istio's definition allows can be read, and what was read is
// written as it was.
func TestStatusOfIstio(t *testing.T) {
	var s v1.Status
	text := `{"observedGeneration":"3","validationMessages":[{}],"conditions":[` +
		`{"type":"Reconciled","status":"True","observedGeneration":"3","lastProbeTime":null,"lastTransitionTime":"2026-01-01T00:00:00Z","reason":"R","message":"m"},` +
		`{"type":"Accepted","status":"True","observedGeneration":2,"lastTransitionTime":null},` +
		`{"type":"Odd","status":"True","observedGeneration":{}}]}`
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Conditions) != 3 || s.Conditions[0].ObservedGeneration != 3 || s.Conditions[1].ObservedGeneration != 2 || s.Conditions[2].ObservedGeneration != 0 {
		t.Errorf("got %+v", s.Conditions)
	}
	if c := s.Conditions[0]; c.Type != "Reconciled" || c.Reason != "R" || c.Message != "m" || c.LastTransitionTime.Year() != 2026 {
		t.Errorf("got %+v", c)
	}
	back, err := json.Marshal(s.Conditions[0])
	if want := `{"type":"Reconciled","status":"True","observedGeneration":3,"lastTransitionTime":"2026-01-01T00:00:00Z","reason":"R","message":"m"}`; err != nil || string(back) != want {
		t.Errorf("got %s, %v, want %s", back, err, want)
	}
	if err := json.Unmarshal([]byte(`{"conditions":3}`), &s); err == nil {
		t.Error("a number is no list of conditions")
	}
}
