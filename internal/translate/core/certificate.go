package core

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// authoritiesKey is the key under which ConfigMaps and Secrets hold a bundle of
// certificate authorities.
const authoritiesKey = "ca.crt"

// Material is what a Secret or ConfigMap holds for TLS.
type Material struct {
	// Secret is nil when there is a Problem.
	Secret *ir.Secret
	// Problem says why the object cannot be used.
	Problem string
}

// KeyPair returns the certificate and private key of a Secret.
func (s *Source) KeyPair(r *memo.Recorder, name types.NamespacedName) *Material {
	return s.keyPairs.Read(r, name)
}

func (s *Source) makeKeyPair(r *memo.Recorder, name types.NamespacedName) *Material {
	secret := Get[*corev1.Secret](s, r, name)
	if secret == nil {
		return problem("Secret %s does not exist", name)
	}
	certificate, key := secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	if len(certificate) == 0 || len(key) == 0 {
		return problem("Secret %s needs the keys %s and %s", name, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		// The error names the kind of mistake and never the key.
		return problem("Secret %s holds no usable key pair: %v", name, err)
	}
	return &Material{Secret: &ir.Secret{
		Name:        ir.SecretName("Secret/" + name.String()),
		Origin:      ir.Origin{Kind: "Secret", Namespace: name.Namespace, Name: name.Name},
		Certificate: string(certificate),
		Key:         ir.Private(key),
	}}
}

// Authorities returns the certificate authorities in a ConfigMap or Secret; ok
// is false for other kinds.
func (s *Source) Authorities(r *memo.Recorder, key resource.Key) (m *Material, ok bool) {
	if key.Group != corev1.GroupName || (key.Kind != "ConfigMap" && key.Kind != "Secret") {
		return nil, false
	}
	return s.bundles.Read(r, key), true
}

func (s *Source) makeBundle(r *memo.Recorder, key resource.Key) *Material {
	text, ok := s.bundleText(r, key)
	if !ok {
		return problem("%s does not exist", key)
	}
	if len(text) == 0 {
		return problem("%s has no key %s", key, authoritiesKey)
	}
	if err := checkBundle(text); err != nil {
		return problem("%s holds no usable certificates in key %s: %v", key, authoritiesKey, err)
	}
	name := key.Kind + "/" + key.Namespace + "/" + key.Name
	if key.Kind == "Secret" {
		// The same Secret may also be used as a key pair, by others.
		name += "/" + authoritiesKey
	}
	return &Material{Secret: &ir.Secret{
		Name:        ir.SecretName(name),
		Origin:      ir.Origin{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name},
		Authorities: string(text),
	}}
}

// bundleText is the text of a bundle; ok is false when the object is missing.
func (s *Source) bundleText(r *memo.Recorder, key resource.Key) (text []byte, ok bool) {
	name := types.NamespacedName{Namespace: key.Namespace, Name: key.Name}
	if key.Kind == "Secret" {
		if secret := Get[*corev1.Secret](s, r, name); secret != nil {
			return secret.Data[authoritiesKey], true
		}
		return nil, false
	}
	configMap := Get[*corev1.ConfigMap](s, r, name)
	if configMap == nil {
		return nil, false
	}
	if text := configMap.Data[authoritiesKey]; text != "" {
		return []byte(text), true
	}
	return configMap.BinaryData[authoritiesKey], true
}

func checkBundle(text []byte) error {
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("it contains a PEM block of type %q", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("there is no PEM block of type CERTIFICATE")
	}
	return nil
}

func problem(format string, args ...any) *Material {
	return &Material{Problem: fmt.Sprintf(format, args...)}
}
