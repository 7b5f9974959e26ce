package webhook

import (
	"encoding/json"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Ingress judges Ingresses. What examine says comes of one is what would come of it: an
// Ingress none of whose requests would be served is refused.
func Ingress(examine func(*networkingv1.Ingress) (mistakes, warnings []string)) Judge {
	return func(object []byte) Verdict {
		var o networkingv1.Ingress
		if err := json.Unmarshal(object, &o); err != nil { // the API server has read it, too
			return Verdict{Mistakes: field.ErrorList{field.InternalError(nil, fmt.Errorf("read Ingress: %w", err))}}
		}
		mistakes, warnings := examine(&o)
		v := Verdict{Warnings: warnings}
		for _, m := range mistakes {
			v.Mistakes = append(v.Mistakes, field.Forbidden(field.NewPath("metadata", "annotations"), m))
		}
		return v
	}
}
