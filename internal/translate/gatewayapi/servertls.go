package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// serverTLS finds the certificates of a listener and the authorities that it
// checks clients with. Those that resolve are used even if others do not.
func (f *Frontend) serverTLS(r *memo.Recorder, l *listener, v *verdict) {
	l.tls = &ir.ServerTLS{}
	var refs []gatewayv1.SecretObjectReference
	if l.TLS != nil {
		refs = l.TLS.CertificateRefs
	}
	if len(refs) == 0 {
		v.unresolved(report.ListenerInvalidCertificateRef("tls.certificateRefs is required to terminate TLS"))
	}
	for _, ref := range refs {
		found := f.keyPair(r, l.owner, ref)
		switch {
		case found.problem == "":
			l.useSecret(found.secret)
			l.tls.Certificates = append(l.tls.Certificates, found.secret.Name)
		case found.forbidden:
			v.unresolved(report.ListenerRefNotPermitted(found.problem))
		default:
			v.unresolved(report.ListenerInvalidCertificateRef(found.problem))
		}
	}
	if len(l.tls.Certificates) == 0 {
		v.unserved = "there is no usable certificate"
	}
	if l.Protocol == gatewayv1.HTTPSProtocolType {
		l.tls.ALPN = []string{"h2", "http/1.1"}
		f.clientValidation(r, l, v)
	}
	f.clientPolicy(r, l, refs, v)
}

// clientPolicy applies a GatewayTLSPolicy, where the Gateway does not say itself what
// it asks of clients: they need a certificate of an authority that stands beside the
// listener's own certificates.
func (f *Frontend) clientPolicy(r *memo.Recorder, l *listener, refs []gatewayv1.SecretObjectReference, v *verdict) {
	name := types.NamespacedName{Namespace: l.gateway.key.Namespace, Name: l.gateway.key.Name}
	if policy.ValidatesClients(l.gateway.object, l.Port) || !f.policies.WantsClientCertificates(r, name, l.Port) {
		return
	}
	clients := &ir.ClientValidation{}
	for _, ref := range refs {
		if found := f.keyPair(r, l.owner, ref); found.problem != "" {
			continue
		}
		namespace := l.owner.key.Namespace
		if ref.Namespace != nil {
			namespace = string(*ref.Namespace)
		}
		bundle, _ := f.src.Authorities(r, resource.Key{Kind: "Secret", Namespace: namespace, Name: string(ref.Name)})
		if bundle.Problem == "" {
			l.useSecret(bundle.Secret)
			clients.Authorities = append(clients.Authorities, bundle.Secret.Name)
		}
	}
	if len(clients.Authorities) == 0 && v.unserved == "" {
		v.unserved = "a GatewayTLSPolicy asks for client certificates, and no Secret of the listener has ca.crt to check them with"
	}
	l.tls.Clients = clients
}

func (l *listener) useSecret(s *ir.Secret) {
	if !slices.Contains(l.secrets, s) {
		l.secrets = append(l.secrets, s)
	}
}

// keyPairRef is what a reference to a key pair comes to.
type keyPairRef struct {
	secret  *ir.Secret
	problem string
	// forbidden is set when no ReferenceGrant allows the reference.
	forbidden bool
}

func (f *Frontend) keyPair(r *memo.Recorder, from owner, ref gatewayv1.SecretObjectReference) keyPairRef {
	key := resource.Key{Kind: "Secret", Namespace: from.key.Namespace, Name: string(ref.Name)}
	if ref.Group != nil {
		key.Group = string(*ref.Group)
	}
	if ref.Kind != nil {
		key.Kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		key.Namespace = string(*ref.Namespace)
	}
	if key.Group != corev1.GroupName || key.Kind != "Secret" {
		return keyPairRef{problem: fmt.Sprintf("kind %s of group %q is not supported for certificates; use Secret", key.Kind, key.Group)}
	}
	if !f.src.Permits(r, from.referrer(), key) {
		return keyPairRef{problem: notPermitted(from.referrer(), key), forbidden: true}
	}
	m := f.src.KeyPair(r, types.NamespacedName{Namespace: key.Namespace, Name: key.Name})
	return keyPairRef{secret: m.Secret, problem: m.Problem}
}

// notPermitted says the same whether the object exists or not.
func notPermitted(from core.Referrer, to resource.Key) string {
	return fmt.Sprintf("no ReferenceGrant in namespace %q allows a %s of namespace %q to refer to %s %q",
		to.Namespace, from.Kind, from.Namespace, to.Kind, to.Name)
}

// clientValidation applies spec.tls.frontend of the Gateway, which holds for the
// HTTPS listeners of its ListenerSets as well.
func (f *Frontend) clientValidation(r *memo.Recorder, l *listener, v *verdict) {
	validation := frontendValidation(l.gateway.object, l.Port)
	if validation == nil {
		return
	}
	clients := &ir.ClientValidation{Optional: validation.Mode == gatewayv1.AllowInsecureFallback}
	var problems []string
	for _, ref := range validation.CACertificateRefs {
		secret, problem := f.authority(r, l.gateway, ref)
		if problem != nil {
			v.unresolved(*problem)
			problems = append(problems, problem.Message)
			continue
		}
		l.useSecret(secret)
		clients.Authorities = append(clients.Authorities, secret.Name)
	}
	if len(clients.Authorities) == 0 {
		v.reject(report.ListenerNoValidCACertificate(strings.Join(problems, "; ")))
	}
	l.tls.Clients = clients
}

// frontendValidation is the configuration for a port: that of the port itself in
// place of the default, even when it asks for nothing.
func frontendValidation(g *gatewayv1.Gateway, port int32) *gatewayv1.FrontendTLSValidation {
	if g.Spec.TLS == nil || g.Spec.TLS.Frontend == nil {
		return nil
	}
	for _, p := range g.Spec.TLS.Frontend.PerPort {
		if p.Port == port {
			return p.TLS.Validation
		}
	}
	return g.Spec.TLS.Frontend.Default.Validation
}

// authority resolves one caCertificateRef of the Gateway.
func (f *Frontend) authority(r *memo.Recorder, g *gateway, ref gatewayv1.ObjectReference) (*ir.Secret, *metav1.Condition) {
	key := resource.Key{Group: string(ref.Group), Kind: string(ref.Kind), Namespace: g.key.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		key.Namespace = string(*ref.Namespace)
	}
	from := owner{key: g.key}.referrer()
	if !f.src.Permits(r, from, key) {
		return nil, new(report.ListenerRefNotPermitted(notPermitted(from, key)))
	}
	m, ok := f.src.Authorities(r, key)
	switch {
	case !ok:
		return nil, new(report.ListenerInvalidCACertificateKind(fmt.Sprintf("kind %s is not supported for certificate authorities; use ConfigMap", key.Kind)))
	case m.Problem != "":
		return nil, new(report.ListenerInvalidCACertificateRef(m.Problem))
	default:
		return m.Secret, nil
	}
}
