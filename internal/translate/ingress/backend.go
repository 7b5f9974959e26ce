package ingress

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// backendUse is how this Ingress uses its backends.
func (c *compiler) backendUse() {
	s := c.settings
	c.use = policy.Use{Gateway: c.out.place.name, Certificate: c.ownCertificate()}
	if s.grpc {
		c.use.Traffic = policy.GRPC
	}
	u := s.upstream
	if s.upstreamSecret != "" && u.TLS && u.Problem == "" {
		c.upstreamSecret(&u)
	}
	if u.TLS && u.SkipVerification {
		c.warn(UnverifiedBackends)
	}
	if u != (policy.Upstream{}) {
		u.Owner = "ingress/" + c.out.key.Namespace + "/" + c.out.key.Name
		c.use.Upstream = u
	}
}

// ownCertificate is what the proxy shows to backends, if it is there. Without it backends
// that ask for one refuse; what is wrong with it is not for the author of an Ingress to
// hear.
func (c *compiler) ownCertificate() ir.SecretName {
	name := c.out.place.certificate
	if name.Name == "" {
		return ""
	}
	pair := c.frontend.src.KeyPair(c.recorder, name)
	if pair.Problem != "" {
		return ""
	}
	c.out.secrets = append(c.out.secrets, pair.Secret)
	return pair.Secret.Name
}

// upstreamSecret takes authorities and the proxy's own certificate, if there is
// one, out of a Secret. Both must be usable if they are there.
func (c *compiler) upstreamSecret(u *policy.Upstream) {
	name, problem := c.secretRef(c.settings.upstreamSecret)
	if problem != "" {
		u.Problem = problem
		return
	}
	src, r := c.frontend.src, c.recorder
	key := resource.Key{Kind: "Secret", Namespace: name.Namespace, Name: name.Name}
	authorities, _ := src.Authorities(r, key)
	switch {
	case authorities.Problem == "":
		u.Authorities = authorities.Secret.Name
		c.out.secrets = append(c.out.secrets, authorities.Secret)
	case !u.SkipVerification:
		u.Problem = authorities.Problem
		return
	}
	secret := core.Get[*corev1.Secret](src, r, name)
	if secret == nil {
		u.Problem = authorities.Problem
		return
	}
	if len(secret.Data[corev1.TLSCertKey]) == 0 {
		return
	}
	pair := src.KeyPair(r, name)
	if pair.Problem != "" {
		u.Problem = pair.Problem
		return
	}
	u.Certificate = pair.Secret.Name
	c.out.secrets = append(c.out.secrets, pair.Secret)
}

// secretRef reads NAME or NAMESPACE/NAME. Secrets of other namespaces need a
// ReferenceGrant: an annotation must not reach what its author may not read.
func (c *compiler) secretRef(text string) (name types.NamespacedName, problem string) {
	name = nameOf(c.out.key, text)
	key := resource.Key{Kind: "Secret", Namespace: name.Namespace, Name: name.Name}
	if !c.frontend.src.Permits(c.recorder, c.referrer(), key) {
		return name, fmt.Sprintf("no ReferenceGrant in namespace %q allows an Ingress of namespace %q to refer to Secret %q", name.Namespace, c.out.key.Namespace, name.Name)
	}
	return name, ""
}

// nameOf reads NAME or NAMESPACE/NAME in an annotation of an object.
func nameOf(object resource.Key, text string) types.NamespacedName {
	if namespace, name, found := strings.Cut(text, "/"); found {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	return types.NamespacedName{Namespace: object.Namespace, Name: text}
}

func (c *compiler) referrer() core.Referrer {
	return core.Referrer{Group: c.out.key.Group, Kind: c.out.key.Kind, Namespace: c.out.key.Namespace}
}

// forward sends requests to a backend as the settings say.
func (c *compiler) forward(b *networkingv1.IngressBackend) ir.Action {
	name, err := c.backend(b, c.use)
	if err != nil {
		return &ir.Respond{Status: c.use.FailureStatus(), Reason: err.Reply, Message: err.Message}
	}
	return &ir.Forward{
		Destinations: []ir.Destination{{Backend: name, Weight: 1}},
		ReadTimeout:  c.settings.readTimeout,
		Retry:        c.settings.retry,
	}
}

func (c *compiler) backend(b *networkingv1.IngressBackend, use policy.Use) (ir.BackendName, *core.RefError) {
	ref, err := c.reference(b)
	if err == nil {
		return c.resolve(ref, use)
	}
	c.unresolved = append(c.unresolved, unresolved{err.Reason, err.Message})
	return "", err
}

// resolve finds a backend and notes it as used.
func (c *compiler) resolve(ref core.Reference, use policy.Use) (ir.BackendName, *core.RefError) {
	f := c.frontend
	d, err := f.src.Resolve(c.recorder, ref)
	if err != nil {
		c.unresolved = append(c.unresolved, unresolved{err.Reason, err.Message})
		return "", err
	}
	slot, state := f.policies.ForBackend(c.recorder, d, use)
	if state.Failed {
		c.unresolved = append(c.unresolved, unresolved{state.Err.Reason, state.Err.Message})
	}
	if !slices.Contains(c.out.backends, slot) {
		c.out.backends = append(c.out.backends, slot)
	}
	return state.Name, nil
}

// reference reads a backend. Ports have names or numbers.
func (c *compiler) reference(b *networkingv1.IngressBackend) (core.Reference, *core.RefError) {
	ref := core.Reference{From: c.referrer(), Kind: "Service", Namespace: c.out.key.Namespace}
	if b.Service == nil {
		if b.Resource != nil {
			ref.Kind, ref.Name = b.Resource.Kind, b.Resource.Name
		}
		if b.Resource != nil && b.Resource.APIGroup != nil {
			ref.Group = *b.Resource.APIGroup
		}
		return ref, nil // the kind is refused
	}
	ref.Name, ref.Port = b.Service.Name, b.Service.Port.Number
	name := b.Service.Port.Name
	if name == "" {
		return ref, nil
	}
	service := core.Get[*corev1.Service](c.frontend.src, c.recorder, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name})
	if service == nil {
		return ref, &core.RefError{Reason: gatewayv1.RouteReasonBackendNotFound, Reply: core.ReasonBackendNotFound, Message: fmt.Sprintf("Service %s/%s does not exist", ref.Namespace, ref.Name)}
	}
	for _, p := range service.Spec.Ports {
		if p.Name == name {
			ref.Port = p.Port
			return ref, nil
		}
	}
	return ref, &core.RefError{
		Reason: gatewayv1.RouteReasonBackendNotFound, Reply: core.ReasonBackendNotFound,
		Message: fmt.Sprintf("Service %s/%s has no port named %q", ref.Namespace, ref.Name, name),
	}
}

// mirror adds the filter for a mirror-target.
func (c *compiler) mirror() {
	target, _ := strings.CutSuffix(c.settings.mirror, requestURI)
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		c.warn("annotation %smirror-target is not honoured: %q is no URL such as http://mirror.example.com%s", nginxPrefix, c.settings.mirror, requestURI)
		return
	}
	port, err := strconv.ParseInt(cmp.Or(u.Port(), "80"), 10, 32)
	if err != nil {
		c.warn("annotation %smirror-target is not honoured: %v", nginxPrefix, err)
		return
	}
	name, refErr := c.resolve(core.Reference{
		From: c.referrer(), Kind: "Service", Namespace: c.out.key.Namespace, Name: u.Hostname(), Port: int32(port),
	}, policy.Use{})
	if refErr == nil {
		c.headers = append(c.headers, &ir.Mirror{Backend: name, Numerator: 1, Denominator: 1})
	}
}

// responseHeaders adds the headers of a ConfigMap.
func (c *compiler) responseHeaders() {
	name := nameOf(c.out.key, c.settings.responseHeaders)
	key := resource.Key{Kind: "ConfigMap", Namespace: name.Namespace, Name: name.Name}
	object := core.Get[*corev1.ConfigMap](c.frontend.src, c.recorder, name)
	switch {
	case !c.frontend.src.Permits(c.recorder, c.referrer(), key):
		c.unresolved = append(c.unresolved, unresolved{gatewayv1.RouteReasonRefNotPermitted, fmt.Sprintf("no ReferenceGrant allows to refer to %s", key)})
	case object == nil:
		c.unresolved = append(c.unresolved, unresolved{gatewayv1.RouteReasonBackendNotFound, fmt.Sprintf("%s does not exist", key)})
	default:
		change := &ir.ResponseHeaders{}
		for _, header := range slices.Sorted(maps.Keys(object.Data)) {
			field := ir.HeaderField{Name: header, Value: strings.TrimSpace(object.Data[header])}
			if err := core.CheckHeader(field); err != nil {
				c.warn("%s: %v", key, err)
				continue
			}
			change.Set = append(change.Set, field)
		}
		c.headers = append(c.headers, change)
	}
}

// certificateProblem notes a Secret that cannot be used.
func (c *compiler) certificateProblem(message string) {
	c.unresolved = append(c.unresolved, unresolved{report.ReasonInvalidCertificateRef, message})
}
