package webhook

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"fsm/api/config/v1alpha3"
	"fsm/internal/meshconfig"
)

// MeshConfig judges mesh configurations of version v1alpha3: what the control plane
// would not take over is refused, and what it does not know is warned about.
func MeshConfig(object []byte) Verdict {
	var mc v1alpha3.MeshConfig
	unknown, err := kjson.UnmarshalStrict(object, &mc, kjson.DisallowUnknownFields)
	if err != nil { // its schema lets nothing through that does not fit
		return Verdict{Mistakes: field.ErrorList{field.InternalError(nil, fmt.Errorf("read MeshConfig: %w", err))}}
	}
	var v Verdict
	for _, err := range unknown {
		var at kjson.FieldError
		if errors.As(err, &at) {
			v.Warnings = append(v.Warnings, at.FieldPath()+" is not known and does nothing")
		}
	}
	if mc.Name != v1alpha3.Name {
		v.Warnings = append(v.Warnings, fmt.Sprintf("only the MeshConfig with the name %s counts", v1alpha3.Name))
		return v
	}
	_, v.Mistakes = meshconfig.Config{}.With(&mc.Spec)
	return v
}
