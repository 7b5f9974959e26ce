package v1

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// UnmarshalJSON reads a status that Istio may have written into, whose definition lets
// generations be strings as well. One that cannot be read would keep all objects of
// its kind from being read.
func (s *Status) UnmarshalJSON(text []byte) error {
	var loose struct {
		Conditions []struct {
			metav1.Condition
			ObservedGeneration generation `json:"observedGeneration"`
		} `json:"conditions"`
	}
	if err := json.Unmarshal(text, &loose); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	s.Conditions = nil
	for _, c := range loose.Conditions {
		c.Condition.ObservedGeneration = int64(c.ObservedGeneration)
		s.Conditions = append(s.Conditions, c.Condition)
	}
	return nil
}

// generation is a number, or a string with one.
type generation int64

// UnmarshalJSON reads anything else as 0.
func (g *generation) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	if err == nil {
		*g = generation(n)
	}
	return nil
}
