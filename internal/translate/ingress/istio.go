package ingress

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// Ingresses of Istio's class, as Istio's documentation of early 2018 has them: the
// annotation is the only one that counts, paths are expressions, and TLS is served
// for any name with one certificate that is the same for all.

// istioClass tells whether an Ingress is of Istio's class. A cluster that has an
// IngressClass of that name has somebody else for it, or has made it one of ours.
func (f *Frontend) istioClass(r *memo.Recorder, o *networkingv1.Ingress) bool {
	return o.Annotations[classAnnotation] == istiov1.IngressClass &&
		core.Get[*networkingv1.IngressClass](f.src, r, types.NamespacedName{Name: istiov1.IngressClass}) == nil
}

// istioSettings are the same for all Ingresses of Istio's class.
func istioSettings(annotations map[string]string) *settings {
	s := &settings{istio: true, plain: plainServed}
	for _, f := range families() {
		for name := range annotations {
			if strings.HasPrefix(name, f.prefix) {
				s.warnings = append(s.warnings, fmt.Sprintf("annotation %s has no effect with class %s", name, istiov1.IngressClass))
			}
		}
	}
	slices.Sort(s.warnings)
	return s
}

// istioPath reads a path. The documentation calls all of them expressions and means,
// by "/status/*", what begins with "/status": so a final "/*" stands for the rest of a
// path, and anything else is an expression for the whole of it.
func (c *compiler) istioPath(value string) (ir.PathMatch, rank) {
	if start, ok := strings.CutSuffix(value, "/*"); ok && regexp.QuoteMeta(start) == start {
		return ir.PathMatch{Kind: ir.PathPrefix, Value: cmp.Or(start, "/")}, rank{rankPath, len(start)}
	}
	if regexp.QuoteMeta(value) == value {
		return ir.PathMatch{Kind: ir.PathExact, Value: value}, rank{rankExact, len(value)}
	}
	if c.settings.checkExpression("path "+value, value); len(c.settings.broken) > 0 {
		c.fail(c.settings.broken[0])
		return ir.PathMatch{Kind: ir.PathExact, Value: value}, rank{rankExact, len(value)}
	}
	return ir.PathMatch{Kind: ir.PathRegex, Value: value}, rank{rankPath, len(value)}
}

// istioTLS serves any name, with the one certificate for all.
func (c *compiler) istioTLS() {
	if len(c.out.object.Spec.TLS) == 0 {
		return
	}
	s := &server{owner: c.out}
	pair := c.frontend.src.KeyPair(c.recorder, types.NamespacedName{Namespace: istiov1.RootNamespace, Name: istiov1.IngressCertificate})
	if pair.Problem != "" {
		c.certificateProblem(pair.Problem)
	} else {
		c.out.secrets = append(c.out.secrets, pair.Secret)
		s.tls = &ir.ServerTLS{Certificates: []ir.SecretName{pair.Secret.Name}, ALPN: []string{"h2", "http/1.1"}}
	}
	c.out.servers = append(c.out.servers, s)
	for i, entry := range c.out.object.Spec.TLS {
		if entry.SecretName != "" && entry.SecretName != istiov1.IngressCertificate {
			c.warn("spec.tls[%d].secretName: has no effect with class %s; the Secret is %s in namespace %s", i, istiov1.IngressClass, istiov1.IngressCertificate, istiov1.RootNamespace)
		}
	}
}
