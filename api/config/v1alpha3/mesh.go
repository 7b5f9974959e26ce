package v1alpha3

import corev1 "k8s.io/api/core/v1"

// SidecarSpec is about the proxies beside workloads.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SidecarSpec struct {
	// LogLevel of the proxies.
	// +kubebuilder:default=error
	LogLevel LogLevel `json:"logLevel"`

	// EnablePrivilegedInitContainer runs the container that sets up interception as a
	// privileged one.
	// +kubebuilder:default=false
	EnablePrivilegedInitContainer bool `json:"enablePrivilegedInitContainer"`

	// SidecarImage is the image of the proxies; that of image and the installed version
	// if empty.
	SidecarImage string `json:"sidecarImage,omitempty"`

	// SidecarDisabledMTLS turns mTLS between proxies off.
	// +kubebuilder:default=false
	SidecarDisabledMTLS bool `json:"sidecarDisabledMTLS"`

	// MaxDataPlaneConnections is how many proxies may be connected to the control plane;
	// 0 is any number.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	MaxDataPlaneConnections int32 `json:"maxDataPlaneConnections"`

	// ConfigResyncInterval is how often proxies of FSM 1.2 were told everything again.
	// Those of this version are told of changes only; the value is kept.
	// +kubebuilder:default="90s"
	ConfigResyncInterval Duration `json:"configResyncInterval"`

	// SidecarTimeout is how many seconds a request may take; 0 is any time.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=0
	SidecarTimeout int32 `json:"sidecarTimeout"`

	// Resources of the proxies.
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`

	// InitResources are those of the container that sets up interception.
	InitResources corev1.ResourceRequirements `json:"initResources,omitempty"`

	// HealthcheckResources are those of the container that answers probes.
	HealthcheckResources corev1.ResourceRequirements `json:"healthcheckResources,omitempty"`

	// TLSMinProtocolVersion is the lowest version of TLS between proxies.
	// +kubebuilder:validation:Enum=TLS_AUTO;TLSv1_0;TLSv1_1;TLSv1_2;TLSv1_3
	// +kubebuilder:default=TLSv1_2
	TLSMinProtocolVersion string `json:"tlsMinProtocolVersion"`

	// TLSMaxProtocolVersion is the highest version of TLS between proxies.
	// +kubebuilder:validation:Enum=TLS_AUTO;TLSv1_0;TLSv1_1;TLSv1_2;TLSv1_3
	// +kubebuilder:default=TLSv1_3
	TLSMaxProtocolVersion string `json:"tlsMaxProtocolVersion"`

	// CipherSuites of TLS before 1.3; all good ones if empty.
	CipherSuites []string `json:"cipherSuites,omitempty"`

	// ECDHCurves for TLS; all good ones if empty.
	ECDHCurves []string `json:"ecdhCurves,omitempty"`

	// LocalProxyMode is the address at which a proxy reaches its workload: loopback, or
	// the pod's own.
	// +kubebuilder:validation:Enum=Localhost;PodIP
	// +kubebuilder:default=Localhost
	LocalProxyMode string `json:"localProxyMode"`

	// LocalDNSProxy answers DNS queries of workloads.
	// +kubebuilder:default={}
	LocalDNSProxy LocalDNSProxy `json:"localDNSProxy"`
}

// LocalDNSProxy answers DNS queries of workloads.
type LocalDNSProxy struct {
	// +kubebuilder:default=false
	Enable bool `json:"enable"`

	// SearchesWithNamespace completes names with the namespace.
	// +kubebuilder:default=true
	SearchesWithNamespace bool `json:"searchesWithNamespace"`

	// SearchesWithTrustDomain completes names with the trust domain.
	// +kubebuilder:default=true
	SearchesWithTrustDomain bool `json:"searchesWithTrustDomain"`

	// PrimaryUpstreamDNSServerIPAddr is the name server to ask; that of the cluster if
	// empty.
	PrimaryUpstreamDNSServerIPAddr string `json:"primaryUpstreamDNSServerIPAddr,omitempty"`

	// SecondaryUpstreamDNSServerIPAddr is the one to ask when that does not answer.
	SecondaryUpstreamDNSServerIPAddr string `json:"secondaryUpstreamDNSServerIPAddr,omitempty"`

	// Wildcard answers for all names that are not known.
	// +kubebuilder:default={}
	Wildcard WildcardDN `json:"wildcard"`

	// DB are names with their addresses.
	DB []ResolveDN `json:"db,omitempty"`
}

// WildcardDN answers for all names that are not known.
type WildcardDN struct {
	// +kubebuilder:default=false
	Enable bool `json:"enable"`

	// IPv4 are the addresses.
	// +kubebuilder:validation:items:Format=ipv4
	IPv4 []string `json:"ipv4,omitempty"`
}

// ResolveDN is a name with its addresses.
type ResolveDN struct {
	// DN is the name.
	// +required
	DN string `json:"dn"`

	// IPv4 are the addresses.
	// +required
	// +kubebuilder:validation:items:Format=ipv4
	IPv4 []string `json:"ipv4"`
}

// TrafficSpec is how the sidecar mesh treats traffic. The exclusion and inclusion
// lists act on pods that are made after a change.
//
// +kubebuilder:pruning:PreserveUnknownFields
type TrafficSpec struct {
	// InterceptionMode is how traffic gets to the proxy.
	// +kubebuilder:validation:Enum=iptables;ebpf;none
	// +kubebuilder:default=iptables
	InterceptionMode string `json:"interceptionMode"`

	// EnableEgress lets workloads reach what is outside of the mesh.
	// +kubebuilder:default=true
	EnableEgress bool `json:"enableEgress"`

	// EnablePermissiveTrafficPolicyMode lets all workloads of the mesh reach each other,
	// whatever access policies say.
	// +kubebuilder:default=true
	EnablePermissiveTrafficPolicyMode bool `json:"enablePermissiveTrafficPolicyMode"`

	// OutboundIPRangeExclusionList are networks that are reached without the proxy.
	OutboundIPRangeExclusionList []Range `json:"outboundIPRangeExclusionList,omitempty"`

	// OutboundIPRangeInclusionList are the only networks that are reached through the
	// proxy; all if empty.
	OutboundIPRangeInclusionList []Range `json:"outboundIPRangeInclusionList,omitempty"`

	// OutboundPortExclusionList are ports that are reached without the proxy.
	OutboundPortExclusionList []Port `json:"outboundPortExclusionList,omitempty"`

	// InboundPortExclusionList are ports of workloads that are reached without the
	// proxy.
	InboundPortExclusionList []Port `json:"inboundPortExclusionList,omitempty"`

	// NetworkInterfaceExclusionList are interfaces whose traffic does not go through
	// the proxy.
	NetworkInterfaceExclusionList []string `json:"networkInterfaceExclusionList,omitempty"`

	// ServiceAccessMode is how workloads name services.
	// +kubebuilder:validation:Enum=ip;domain;mixed
	// +kubebuilder:default=mixed
	ServiceAccessMode string `json:"serviceAccessMode"`

	// HTTP1PerRequestLoadBalancing chooses an endpoint for each request of HTTP/1, not
	// only for each connection.
	// +kubebuilder:default=false
	HTTP1PerRequestLoadBalancing bool `json:"http1PerRequestLoadBalancing"`

	// HTTP2PerRequestLoadBalancing is the same for HTTP/2.
	// +kubebuilder:default=true
	HTTP2PerRequestLoadBalancing bool `json:"http2PerRequestLoadBalancing"`

	// InboundExternalAuthorization asks a service whether requests are allowed.
	// +kubebuilder:default={}
	InboundExternalAuthorization ExternalAuthorization `json:"inboundExternalAuthorization"`
}

// ExternalAuthorization is a service that says whether requests are allowed.
type ExternalAuthorization struct {
	// +kubebuilder:default=false
	Enable bool `json:"enable"`

	// Address is its host name or IP address.
	Address string `json:"address,omitempty"`

	// Port is its port.
	Port *Port `json:"port,omitempty"`

	// StatPrefix begins the names of its metrics.
	StatPrefix string `json:"statPrefix,omitempty"`

	// Timeout of an answer.
	// +kubebuilder:default="1s"
	Timeout Duration `json:"timeout"`

	// FailureModeAllow allows requests when it does not answer.
	// +kubebuilder:default=false
	FailureModeAllow bool `json:"failureModeAllow"`
}

// PluginChainsSpec are plugins for all workloads, by place.
type PluginChainsSpec struct {
	InboundTCP   []PluginSpec `json:"inbound-tcp,omitempty"`
	InboundHTTP  []PluginSpec `json:"inbound-http,omitempty"`
	OutboundTCP  []PluginSpec `json:"outbound-tcp,omitempty"`
	OutboundHTTP []PluginSpec `json:"outbound-http,omitempty"`
}

// PluginSpec is one plugin of a chain.
type PluginSpec struct {
	// Plugin is its name.
	// +required
	Plugin string `json:"plugin"`

	// Priority is its place; higher ones come first.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Priority float64 `json:"priority"`

	// Disable leaves it out.
	// +kubebuilder:default=false
	Disable bool `json:"disable"`
}

// FeatureFlags switch parts of FSM. Each acts once the part that it names is there.
//
// +kubebuilder:pruning:PreserveUnknownFields
type FeatureFlags struct {
	// EnableEgressPolicy is about objects Egress.
	// +kubebuilder:default=true
	EnableEgressPolicy bool `json:"enableEgressPolicy"`

	// EnableAsyncProxyServiceMapping is a way of working of FSM 1.2; the value is kept.
	// +kubebuilder:default=false
	EnableAsyncProxyServiceMapping bool `json:"enableAsyncProxyServiceMapping"`

	// EnableIngressBackendPolicy is about objects IngressBackend.
	// +kubebuilder:default=true
	EnableIngressBackendPolicy bool `json:"enableIngressBackendPolicy"`

	// EnableAccessControlPolicy is about objects AccessControl.
	// +kubebuilder:default=true
	EnableAccessControlPolicy bool `json:"enableAccessControlPolicy"`

	// EnableAccessCertPolicy is about objects AccessCert.
	// +kubebuilder:default=false
	EnableAccessCertPolicy bool `json:"enableAccessCertPolicy"`

	// EnableSidecarPrettyConfig indents the configuration of sidecars of FSM 1.2; the
	// value is kept.
	// +kubebuilder:default=true
	EnableSidecarPrettyConfig bool `json:"enableSidecarPrettyConfig"`

	// EnableSidecarActiveHealthChecks has sidecars ask endpoints whether they are well.
	// +kubebuilder:default=false
	EnableSidecarActiveHealthChecks bool `json:"enableSidecarActiveHealthChecks"`

	// EnableSnapshotCacheMode is a way of working of FSM 1.2; the value is kept.
	// +kubebuilder:default=false
	EnableSnapshotCacheMode bool `json:"enableSnapshotCacheMode"`

	// EnableRetryPolicy is about objects Retry.
	// +kubebuilder:default=false
	EnableRetryPolicy bool `json:"enableRetryPolicy"`

	// EnablePluginPolicy is about objects Plugin, PluginChain and PluginConfig.
	// +kubebuilder:default=false
	EnablePluginPolicy bool `json:"enablePluginPolicy"`

	// EnableMeshRootCertificate is about objects MeshRootCertificate.
	// +kubebuilder:default=false
	EnableMeshRootCertificate bool `json:"enableMeshRootCertificate"`

	// EnableAutoDefaultRoute sends to the only backend what no rule matches.
	// +kubebuilder:default=false
	EnableAutoDefaultRoute bool `json:"enableAutoDefaultRoute"`

	// EnableValidateGatewayListenerHostname is a check of FSM 1.2; the Gateway API's own
	// rules are always checked, and the value is kept. So it is for the next three.
	// +kubebuilder:default=true
	EnableValidateGatewayListenerHostname bool `json:"enableValidateGatewayListenerHostname"`

	// +kubebuilder:default=true
	EnableValidateHTTPRouteHostnames bool `json:"enableValidateHTTPRouteHostnames"`

	// +kubebuilder:default=true
	EnableValidateGRPCRouteHostnames bool `json:"enableValidateGRPCRouteHostnames"`

	// +kubebuilder:default=true
	EnableValidateTLSRouteHostnames bool `json:"enableValidateTLSRouteHostnames"`

	// EnableGatewayAgentService is a way of working of FSM 1.2; the value is kept.
	// +kubebuilder:default=false
	EnableGatewayAgentService bool `json:"enableGatewayAgentService"`

	// EnableGatewayProxyTag adds the headers of gatewayAPI.proxyTag.
	// +kubebuilder:default=false
	EnableGatewayProxyTag bool `json:"enableGatewayProxyTag"`
}
