package istio

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// terminate finds the certificates of a server, and for MUTUAL the authorities that
// clients are checked with.
func (s *server) terminate(f *Frontend, r *memo.Recorder, t *istiov1.ServerTLS) {
	s.tls = &ir.ServerTLS{}
	if s.protocol == ir.ProtocolHTTPS {
		s.tls.ALPN = []string{"h2", "http/1.1"}
	}
	names := t.Credentials()
	for _, name := range names {
		if secret := s.use(f.src.KeyPair(r, f.credential(r, s.gateway, name))); secret != nil {
			s.tls.Certificates = append(s.tls.Certificates, secret.Name)
		}
	}
	switch {
	case len(names) > 0:
	case t.ServerCertificate == "" || t.PrivateKey == "":
		s.unresolvable("tls: credentialName is required, or serverCertificate and privateKey")
	case !f.config.Standalone:
		s.unresolvable("tls.serverCertificate: paths of files work outside of clusters only; use credentialName")
	default:
		if secret := s.use(f.src.FileKeyPair(r, core.KeyPaths{Certificate: t.ServerCertificate, Key: t.PrivateKey})); secret != nil {
			s.tls.Certificates = append(s.tls.Certificates, secret.Name)
		}
	}
	if t.Mode == modeMutual {
		if secret := s.use(f.authorities(r, s, t)); secret != nil {
			s.tls.Clients = &ir.ClientValidation{Authorities: []ir.SecretName{secret.Name}}
		}
	}
}

// use notes a secret as used, or why there is none.
func (s *server) use(m *core.Material) *ir.Secret {
	if m.Problem != "" {
		s.unresolvable(m.Problem)
		return nil
	}
	s.secrets = append(s.secrets, m.Secret)
	return m.Secret
}

// unresolvable keeps the first problem. A server that lacks any of its certificates
// or authorities stays closed: another certificate, or none to ask for, is not what
// the user wanted.
func (s *server) unresolvable(problem string) {
	s.unresolved = cmp.Or(s.unresolved, fmt.Sprintf("servers[%d]: %s", s.index, problem))
}

// authorities are in a Secret of their own if one is named, or in that of the
// certificate, or in the one that is called after it.
func (f *Frontend) authorities(r *memo.Recorder, s *server, t *istiov1.ServerTLS) *core.Material {
	names := t.AuthorityCredentials()
	for i, name := range names {
		secret := f.credential(r, s.gateway, name)
		if i == len(names)-1 || core.Get[*corev1.Secret](f.src, r, secret) != nil {
			return f.bundle(r, secret)
		}
	}
	switch {
	case t.CACertificates != "" && f.config.Standalone:
		return f.src.FileAuthorities(r, t.CACertificates)
	case t.CACertificates != "":
		return &core.Material{Problem: "tls.caCertificates: paths of files work outside of clusters only; use credentialName"}
	default:
		return &core.Material{Problem: "tls.mode: MUTUAL needs authorities, in credentialName, caCertCredentialName or caCertificates"}
	}
}

func (f *Frontend) bundle(r *memo.Recorder, name types.NamespacedName) *core.Material {
	m, _ := f.src.Authorities(r, resource.Key{Kind: "Secret", Namespace: name.Namespace, Name: name.Name})
	return m
}

// credential is where the Secret of a credentialName is: in the namespace of the
// Gateway, or in Istio's own. In a cluster, that namespace has to allow it with a
// ReferenceGrant, since whoever may make a Gateway would get at its keys.
func (f *Frontend) credential(r *memo.Recorder, g *gateway, name string) types.NamespacedName {
	own := types.NamespacedName{Namespace: g.key.Namespace, Name: name}
	if core.Get[*corev1.Secret](f.src, r, own) != nil {
		return own
	}
	root := types.NamespacedName{Namespace: istiov1.RootNamespace, Name: name}
	from := core.Referrer{Group: g.key.Group, Kind: g.key.Kind, Namespace: g.key.Namespace}
	to := resource.Key{Kind: "Secret", Namespace: root.Namespace, Name: root.Name}
	if core.Get[*corev1.Secret](f.src, r, root) != nil && (f.config.Standalone || f.src.Permits(r, from, to)) {
		return root
	}
	return own
}
