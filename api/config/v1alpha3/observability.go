package v1alpha3

// ObservabilitySpec is what the control plane and proxies tell.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ObservabilitySpec struct {
	// FSMLogLevel is that of the control plane.
	// +kubebuilder:default=info
	FSMLogLevel LogLevel `json:"fsmLogLevel"`

	// EnableDebugServer serves inner states of the control plane of FSM 1.2. That of
	// this version has them on loopback always; the value is kept.
	// +kubebuilder:default=false
	EnableDebugServer bool `json:"enableDebugServer"`

	// Tracing sends spans of the proxies of Gateways to a collector. A change replaces
	// the proxies one by one.
	// +kubebuilder:default={}
	Tracing TracingSpec `json:"tracing"`

	// RemoteLogging sends logs of sidecars to a collector. It acts once the sidecar
	// mesh is there.
	// +kubebuilder:default={}
	RemoteLogging RemoteLoggingSpec `json:"remoteLogging"`
}

// TracingSpec is a collector that takes traces by OTLP over HTTP.
type TracingSpec struct {
	// +kubebuilder:default=false
	Enable bool `json:"enable"`

	// Address is the collector's host name or IP address. Needed to enable tracing.
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`

	// Port of the collector; 4318 if not given, which is that of OTLP over HTTP.
	Port *Port `json:"port,omitempty"`

	// Endpoint is the path at the collector; /v1/traces if empty, which is that of
	// OTLP. Zipkin's, /api/v2/spans, is refused: proxies do not speak that.
	// +kubebuilder:validation:Pattern=`^(/.*)?$`
	Endpoint string `json:"endpoint,omitempty"`

	// SampledFraction is the share, from 0 to 1, of the traces that begin here which
	// are recorded.
	// +kubebuilder:default="1"
	// +kubebuilder:validation:Pattern=`^(0|1|[01]?\.[0-9]+)$`
	SampledFraction string `json:"sampledFraction"`
}

// RemoteLoggingSpec is a collector of logs.
type RemoteLoggingSpec struct {
	// +kubebuilder:default=false
	Enable bool `json:"enable"`

	// Level is how much is sent.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	Level int32 `json:"level"`

	// Address is the collector's host name or IP address.
	Address string `json:"address,omitempty"`

	// Port of the collector.
	Port *Port `json:"port,omitempty"`

	// Endpoint is the path at the collector.
	Endpoint string `json:"endpoint,omitempty"`

	// Authorization is sent as the header of that name.
	Authorization string `json:"authorization,omitempty"`

	// SampledFraction is the share, from 0 to 1, of requests that are logged.
	// +kubebuilder:default="1"
	// +kubebuilder:validation:Pattern=`^(0|1|[01]?\.[0-9]+)$`
	SampledFraction string `json:"sampledFraction"`

	// SecretName is a Secret with the authorization, in place of it.
	SecretName string `json:"secretName,omitempty"`
}

// CertificateSpec is about the certificates of the built-in authority.
//
// +kubebuilder:pruning:PreserveUnknownFields
type CertificateSpec struct {
	// ServiceCertValidityDuration is how long certificates of proxies are valid, from
	// 10m to 8760h. They are renewed at about half of it. A change acts on those that
	// are issued from then on.
	// +kubebuilder:default="24h"
	ServiceCertValidityDuration Duration `json:"serviceCertValidityDuration"`

	// CertKeyBitSize is the size of RSA keys. Proxies make keys of ECDSA over P-256,
	// which RSA would need 3072 bits to equal; the value is kept.
	// +kubebuilder:default=2048
	// +kubebuilder:validation:Minimum=2048
	// +kubebuilder:validation:Maximum=8192
	CertKeyBitSize int32 `json:"certKeyBitSize"`

	// IngressGateway is a certificate for ingresses. That of FSM shows it to backends with
	// TLS whose Ingress names no other; others may be given the Secret. Without it the
	// Secret is deleted.
	IngressGateway *IngressGatewayCertificate `json:"ingressGateway,omitempty"`
}

// IngressGatewayCertificate is a certificate, signed by the built-in authority, that an
// ingress shows to backends.
type IngressGatewayCertificate struct {
	// SubjectAltNames are the names in it: DNS names, IP addresses, or URIs.
	// +required
	// +kubebuilder:validation:MinItems=1
	SubjectAltNames []string `json:"subjectAltNames"`

	// ValidityDuration is how long it is valid, from 10m to 8760h. It is renewed at half
	// of it.
	// +kubebuilder:default="24h"
	ValidityDuration Duration `json:"validityDuration"`

	// Secret is where it is put, with the keys ca.crt, tls.crt and tls.key. The chart has
	// to give the right to write it: fsm.certificateProvider.ingressGateway.secret. A
	// Secret that somebody else made is left alone.
	// +required
	Secret SecretReference `json:"secret"`
}

// SecretReference names a Secret.
type SecretReference struct {
	// +required
	Name string `json:"name"`
	// +required
	Namespace string `json:"namespace"`
}
