package behavior

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"fsm/internal/proxy/proxytest"
)

// adapted is what the harness added to the manifests of a script, so that its
// sides speak the versions that they are to speak.
type adapted struct {
	// policies says that the script has BackendTLSPolicies of its own. It gets no
	// others then.
	policies bool
	// ports are those of HTTP listeners that are HTTPS listeners now.
	ports map[string]bool
	// authority signs what these listeners and the backends show.
	authority *proxytest.Authority
}

// Names in what the harness adds.
const (
	addedName   = "added-by-the-harness"
	backendHost = "backend.internal"
)

// adapt returns manifests for the script's versions: for clients that speak TLS,
// HTTP listeners become HTTPS listeners; for backends that speak HTTP/2, the
// ports of Services say so, or a BackendTLSPolicy demands TLS. What cannot be
// read stays as it is, since there are scripts about that.
func (s *script) adapt(manifests []byte) ([]byte, error) {
	separator := []byte("\n---\n")
	documents := bytes.Split(manifests, separator)
	for i, document := range documents {
		var object unstructured.Unstructured
		if yaml.Unmarshal(document, &object.Object) != nil {
			continue
		}
		if object.GetNamespace() == "" {
			object.SetNamespace("default")
		}
		var more string
		var err error
		switch kind := object.GetKind(); {
		case s.versions.client == h2 && (kind == "Gateway" || kind == "ListenerSet"):
			err = s.secureListeners(&object)
		case s.versions.backend != http1 && kind == "Service":
			more, err = s.adaptService(&object)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		documents[i] = append(text, more...)
	}
	return bytes.Join(documents, separator), nil
}

// secureListeners makes HTTPS listeners of HTTP listeners.
func (s *script) secureListeners(object *unstructured.Unstructured) error {
	found, _, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "listeners")
	listeners, _ := found.([]any)
	for _, l := range listeners {
		listener, ok := l.(map[string]any)
		if !ok || listener["protocol"] != "HTTP" {
			continue
		}
		listener["protocol"] = "HTTPS"
		listener["tls"] = map[string]any{"certificateRefs": []any{map[string]any{"name": addedName}}}
		if len(s.added.ports) == 0 {
			if err := s.curlrc("insecure"); err != nil {
				return err
			}
		}
		s.added.ports[fmt.Sprint(listener["port"])] = true
	}
	cert, key := s.authority().Issue(proxytest.Names{CommonName: "gateway.example"})
	return s.write(filepath.Join(addedName, object.GetNamespace()+"-secret.yaml"), secretManifest(object.GetNamespace(), addedName, cert, key))
}

// adaptService says that a Service's ports speak HTTP/2, or returns a policy for
// it. Services of backends that do not speak HTTP are left alone.
func (s *script) adaptService(service *unstructured.Unstructured) (policy string, err error) {
	secure := s.versions.backend == h2 && !s.added.policies
	for _, b := range s.backends {
		if b.service == service.GetName() && b.raw {
			return "", nil
		}
		if b.service == service.GetName() && b.secure {
			secure = false
		}
	}
	if secure {
		ns := service.GetNamespace()
		err = s.write(filepath.Join(addedName, ns+"-configmap.yaml"), configMapManifest(ns, addedName, s.authority().PEM))
		return fmt.Sprintf(policyManifest, service.GetName()+"-"+addedName, ns, service.GetName(), backendHost, addedName), err
	}
	if s.versions.backend != h2c {
		return "", nil
	}
	found, _, _ := unstructured.NestedFieldNoCopy(service.Object, "spec", "ports")
	ports, _ := found.([]any)
	for _, p := range ports {
		if port, ok := p.(map[string]any); ok && port["appProtocol"] == nil {
			port["appProtocol"] = "kubernetes.io/h2c"
		}
	}
	return "", nil
}

const policyManifest = `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: %s, namespace: %s}
spec:
  targetRefs: [{group: "", kind: Service, name: %s}]
  validation: {hostname: %s, caCertificateRefs: [{group: "", kind: ConfigMap, name: %s}]}
`

// authority is made when it is first needed.
func (s *script) authority() *proxytest.Authority {
	if s.added.authority == nil {
		s.added.authority = proxytest.NewAuthority(s.tb, addedName)
	}
	return s.added.authority
}

// addedTLS is the TLS of a backend for which the script has none; nil if it is to
// have none now.
func (s *script) addedTLS() (*tls.Config, error) {
	if s.versions.backend != h2 || s.added.policies {
		return nil, nil
	}
	cert, key := s.authority().Issue(proxytest.Names{DNS: []string{backendHost}})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, err
}

// secured reports whether a URL's port is one where the script has plaintext, and
// the harness TLS.
func (s *script) secured(u *url.URL) bool { return u.Scheme == "http" && s.added.ports[u.Port()] }

// securedLine is a shell line with the URLs that its ports have now.
func (s *script) securedLine(line string) string {
	for port := range s.added.ports {
		line = strings.ReplaceAll(line, "http://$GATEWAY_IP:"+port, "https://$GATEWAY_IP:"+port)
	}
	return line
}
