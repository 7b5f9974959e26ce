package meshconfig

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fsm/api/config/v1alpha3"
	"fsm/internal/identity"
)

// ClientCertificate is a certificate that an ingress shows to backends.
type ClientCertificate struct {
	// Secret is where it is put.
	Secret   types.NamespacedName
	Lifetime time.Duration
	// Names has one on each line, because a Config is compared with ==.
	Names string
}

// Client is what the certificate says.
func (c ClientCertificate) Client() identity.Client {
	return identity.Client{Names: strings.Split(c.Names, "\n"), Lifetime: c.Lifetime}
}

// ingressCertificate takes over what is said about the certificate of an ingress.
func (c *Config) ingressCertificate(spec *v1alpha3.IngressGatewayCertificate, path *field.Path) (mistakes field.ErrorList) {
	c.IngressCertificate = ClientCertificate{}
	if spec == nil {
		return nil
	}
	d, mistakes := lifetimeOf(spec.ValidityDuration, path.Child("validityDuration"))
	names := path.Child("subjectAltNames")
	if len(spec.SubjectAltNames) == 0 {
		mistakes = append(mistakes, field.Required(names, "backends know the ingress by these"))
	}
	for i, name := range spec.SubjectAltNames {
		if err := identity.CheckClientName(name); err != nil {
			mistakes = append(mistakes, field.Invalid(names.Index(i), name, err.Error()))
		}
	}
	for _, part := range []struct {
		name, text string
		problems   []string
	}{
		{"name", spec.Secret.Name, validation.IsDNS1123Subdomain(spec.Secret.Name)},
		{"namespace", spec.Secret.Namespace, validation.IsDNS1123Label(spec.Secret.Namespace)},
	} {
		if len(part.problems) > 0 {
			mistakes = append(mistakes, field.Invalid(path.Child("secret", part.name), part.text, part.problems[0]))
		}
	}
	c.IngressCertificate = ClientCertificate{
		Secret: types.NamespacedName{Namespace: spec.Secret.Namespace, Name: spec.Secret.Name}, Lifetime: d, Names: strings.Join(spec.SubjectAltNames, "\n"),
	}
	return mistakes
}
