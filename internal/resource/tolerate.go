package resource

import "k8s.io/apimachinery/pkg/util/validation/field"

// tolerance is a rule of a custom resource definition that objects from files may
// break. An API server refuses such objects; files are read by people who moved
// from older releases of the Gateway API, in which the rule was not there and the
// meaning was clear.
type tolerance struct {
	kind string
	// rule is the message of the rule.
	rule string
	// warning says what the object means.
	warning string
}

// tolerances is the whole list. (A null where a default belongs, as in
// "matches:", needs no entry: API servers, too, put the default there.)
var tolerances = []tolerance{
	{
		kind:    "HTTPRoute",
		rule:    "RequestRedirect filter must not be used together with backendRefs",
		warning: "RequestRedirect filter together with backendRefs: the redirect answers, the backendRefs are not used",
	},
}

// tolerate says what a broken rule means if it is tolerated.
func tolerate(kind string, broken *field.Error) (warning string, ok bool) {
	for _, t := range tolerances {
		if t.kind == kind && t.rule == broken.Detail {
			return broken.Field + ": " + t.warning, true
		}
	}
	return "", false
}
