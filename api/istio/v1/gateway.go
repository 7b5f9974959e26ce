package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Gateway says on which ports traffic comes in, with which protocols and
// certificates. Where it goes is said by VirtualServices.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=gateways,singular=gateway,shortName=gw,categories=istio-io;networking-istio-io
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
type Gateway struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   GatewaySpec `json:"spec,omitempty"`
	Status Status      `json:"status,omitempty"`
}

// GatewayList is a list of them.
//
// +kubebuilder:object:root=true
type GatewayList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Gateway `json:"items"`
}

// Status is that of both kinds. Istio writes more into it, which is left alone.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Status struct {
	// Conditions: Accepted, PartiallyInvalid and ResolvedRefs.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GatewaySpec is what a Gateway wants.
type GatewaySpec struct {
	// Servers are the ports, with all that belongs to them.
	// +kubebuilder:validation:MaxItems=128
	Servers []Server `json:"servers,omitempty"`
	// Selector chooses the gateway by the labels of its pods. Without one, the
	// shared ingress gateway is meant.
	Selector map[string]string `json:"selector,omitempty"`
}

// Server is a port with a protocol.
type Server struct {
	// Port to listen on.
	Port Port `json:"port,omitempty"`
	// Bind is an address to listen on. Unsupported.
	Bind string `json:"bind,omitempty"`
	// Hosts that may be served, as "host" or "namespace/host", with "*" for all
	// hosts or namespaces and "." for the Gateway's own namespace. None means all.
	// +kubebuilder:validation:MaxItems=256
	Hosts []string `json:"hosts,omitempty"`
	// TLS towards clients, or the redirect to it.
	TLS *ServerTLS `json:"tls,omitempty"`
	// DefaultEndpoint is without effect, as it is in Istio.
	DefaultEndpoint string `json:"defaultEndpoint,omitempty"`
	// Name is for people.
	Name string `json:"name,omitempty"`
}

// Port of a server.
type Port struct {
	// Number of the port.
	// +kubebuilder:validation:Required
	Number uint32 `json:"number"`
	// Protocol is HTTP, HTTP2, GRPC, HTTPS, TLS or TCP. Where it is missing, the
	// name tells, up to its first hyphen.
	Protocol string `json:"protocol,omitempty"`
	// Name of the port.
	Name string `json:"name,omitempty"`
	// TargetPort is without effect, as it is in Istio.
	TargetPort uint32 `json:"targetPort,omitempty"`
}

// ServerTLS is TLS towards clients. The modes that are served are SIMPLE, MUTUAL
// and PASSTHROUGH.
type ServerTLS struct {
	// HTTPSRedirect answers requests without TLS with a redirect to https.
	HTTPSRedirect bool `json:"httpsRedirect,omitempty"`
	// Mode is PASSTHROUGH, SIMPLE or MUTUAL.
	// +kubebuilder:validation:Enum=PASSTHROUGH;SIMPLE;MUTUAL;AUTO_PASSTHROUGH;ISTIO_MUTUAL;OPTIONAL_MUTUAL
	Mode string `json:"mode,omitempty"`
	// ServerCertificate, PrivateKey and CACertificates are paths of files on the
	// machine of the proxy. They work outside of clusters only.
	ServerCertificate string `json:"serverCertificate,omitempty"`
	PrivateKey        string `json:"privateKey,omitempty"`
	CACertificates    string `json:"caCertificates,omitempty"`
	// CredentialName is a Secret with the certificate, and for MUTUAL with the
	// authorities.
	CredentialName string `json:"credentialName,omitempty"`
	// CredentialNames are Secrets with a certificate each.
	// +kubebuilder:validation:MaxItems=16
	CredentialNames []string `json:"credentialNames,omitempty"`
	// CACertCredentialName is a Secret with the authorities for MUTUAL.
	CACertCredentialName string `json:"caCertCredentialName,omitempty"`
	// CRL is a path of a revocation list. Unsupported.
	CRL string `json:"caCrl,omitempty"`
	// TLSCertificates are several pairs of paths. Unsupported.
	TLSCertificates []CertificatePaths `json:"tlsCertificates,omitempty"`
	// SubjectAltNames that clients must have. Unsupported.
	SubjectAltNames []string `json:"subjectAltNames,omitempty"`
	// VerifyCertificateSpki and VerifyCertificateHash are those of clients'
	// certificates. Unsupported.
	VerifyCertificateSpki []string `json:"verifyCertificateSpki,omitempty"`
	VerifyCertificateHash []string `json:"verifyCertificateHash,omitempty"`
	// MinProtocolVersion is TLS_AUTO or TLSV1_2, which are the same here. Others are
	// unsupported.
	MinProtocolVersion string `json:"minProtocolVersion,omitempty"`
	// MaxProtocolVersion is TLS_AUTO or TLSV1_3, which are the same here. Others are
	// unsupported.
	MaxProtocolVersion string `json:"maxProtocolVersion,omitempty"`
	// CipherSuites of TLS up to 1.2. Unsupported.
	CipherSuites []string `json:"cipherSuites,omitempty"`
}

// CertificatePaths are the paths of one certificate.
type CertificatePaths struct {
	ServerCertificate string `json:"serverCertificate,omitempty"`
	PrivateKey        string `json:"privateKey,omitempty"`
	CACertificates    string `json:"caCertificates,omitempty"`
}
