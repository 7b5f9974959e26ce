package report

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FieldsHonoured is our own condition on Istio's kinds; it is there only when False.
const FieldsHonoured = "flomesh.io/FieldsHonoured"

// FieldsIgnored is an object of Istio with fields, or other objects that it names, that
// change nothing about it here, though its user may think so.
func FieldsIgnored(warnings []string) metav1.Condition {
	return isFalse(FieldsHonoured, "Ignored", Summary(warnings))
}

// Summary makes one message of several, each said once and not too many of them.
func Summary(messages []string) string {
	const most = 8
	var kept []string
	seen := map[string]bool{}
	for _, m := range messages {
		if !seen[m] && len(seen) < most {
			kept = append(kept, m)
		}
		seen[m] = true
	}
	if more := len(seen) - len(kept); more > 0 {
		kept = append(kept, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(kept, "; ")
}
