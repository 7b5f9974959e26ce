package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/resource"
)

// Annotation is what there is to know about one annotation.
type Annotation struct {
	// Name with its prefix.
	Name string
	// Honoured tells whether it does what it says.
	Honoured bool
	// Note says how the meaning differs from the original one.
	Note string
}

// Annotations lists all that this build knows, those of ingress-nginx first.
func Annotations() []Annotation {
	var all []Annotation
	for _, f := range families() {
		for _, table := range f.tables {
			for _, a := range table {
				all = append(all, Annotation{Name: f.prefix + a.name, Honoured: a.effect == "", Note: a.note})
			}
		}
	}
	return all
}

// UnverifiedBackends is the warning that backends may show any certificate.
const UnverifiedBackends = "the certificates of its backends are not verified"

// References are the objects that the annotations of an Ingress name.
type References struct {
	// Secrets have authorities, and may have a key pair.
	Secrets []types.NamespacedName
	// Headers is the ConfigMap with headers of responses; without a name there is none.
	Headers types.NamespacedName
	// Regex tells whether paths are regular expressions.
	Regex bool
}

// ReferencesOf reads the annotations of an Ingress, whatever its class.
func ReferencesOf(o *networkingv1.Ingress) References {
	s := readSettings(o.Annotations, "")
	refs := References{Regex: s.regex}
	for _, text := range []string{s.clients.secret, s.upstreamSecret} {
		if text != "" {
			refs.Secrets = append(refs.Secrets, nameOf(resource.KeyOf(o), text))
		}
	}
	if s.responseHeaders != "" {
		refs.Headers = nameOf(resource.KeyOf(o), s.responseHeaders)
	}
	return refs
}
