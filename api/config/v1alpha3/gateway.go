package v1alpha3

// GatewayAPISpec is about Gateways and their proxies.
type GatewayAPISpec struct {
	// Enabled says that Gateways of our classes are served. While it is false,
	// Gateways, their proxies and their statuses stay as they are: proxies serve what
	// they have, and nothing that is changed meanwhile acts.
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// LogLevel of the proxies of Gateways that have no annotation
	// gateway.flomesh.io/log-level. Proxies have one log, and the more talkative of
	// this and fgwLogLevel counts. A change replaces the proxies one by one.
	// +kubebuilder:default=info
	LogLevel LogLevel `json:"logLevel"`

	// FGWLogLevel is the second level that proxies of FSM 1.2 had; see logLevel.
	// +kubebuilder:default=info
	FGWLogLevel LogLevel `json:"fgwLogLevel"`

	// StripAnyHostPort compares hosts without the port. Proxies always do, as the
	// Gateway API has it, and send the Host header on as it came; the value is kept.
	// +kubebuilder:default=true
	StripAnyHostPort bool `json:"stripAnyHostPort"`

	// ProxyPreserveHost sends the Host header on as it came. Proxies always do, but for
	// rules with a filter that says another host; the value is kept.
	// +kubebuilder:default=true
	ProxyPreserveHost bool `json:"proxyPreserveHost"`

	// SSLPassthroughUpstreamPort is the port of backends of TLS routes without one. The
	// Gateway API requires the port; the value is kept.
	// +kubebuilder:default=443
	SSLPassthroughUpstreamPort Port `json:"sslPassthroughUpstreamPort"`

	// HTTP1PerRequestLoadBalancing chooses an endpoint for each request of HTTP/1, not
	// only for each connection. Proxies always do; the value is kept.
	// +kubebuilder:default=false
	HTTP1PerRequestLoadBalancing bool `json:"http1PerRequestLoadBalancing"`

	// HTTP2PerRequestLoadBalancing is the same for HTTP/2.
	// +kubebuilder:default=true
	HTTP2PerRequestLoadBalancing bool `json:"http2PerRequestLoadBalancing"`

	// ProxyTag are headers for featureFlags.enableGatewayProxyTag, which this version
	// does not have. The values are kept.
	// +kubebuilder:default={}
	ProxyTag ProxyTag `json:"proxyTag"`
}

// ProxyTag names headers.
type ProxyTag struct {
	// SrcHostHeader is the header that the host is taken from.
	// +kubebuilder:default=orig-host
	SrcHostHeader string `json:"srcHostHeader"`

	// DstHostHeader is the header that the tag is written to.
	// +kubebuilder:default=proxy-tag
	DstHostHeader string `json:"dstHostHeader"`
}

// ServiceLBSpec is the load balancer for Services of clusters that have none.
type ServiceLBSpec struct {
	// Enabled says that Services of type LoadBalancer are reached at the addresses of
	// nodes.
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// Image of its pods; that of the proxies if empty.
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`
}

// IngressSpec is the Ingress controller.
type IngressSpec struct {
	// Enabled says that Ingresses are served.
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// Namespaced says that namespaces may have proxies of their own, by objects
	// NamespacedIngress.
	// +kubebuilder:default=false
	Namespaced bool `json:"namespaced"`

	// ServiceName is the name of the Service. FSM 0.2 has fsm-ingress-pipy-controller.
	// +kubebuilder:default=fsm-ingress
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	ServiceName string `json:"serviceName"`

	// Replicas of the proxy.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas int32 `json:"replicas"`

	// Type of the Service.
	// +kubebuilder:validation:Enum=LoadBalancer;NodePort
	// +kubebuilder:default=LoadBalancer
	Type string `json:"type"`

	// LogLevel of the proxies.
	// +kubebuilder:default=info
	LogLevel LogLevel `json:"logLevel"`

	// HTTP is the port without TLS.
	// +kubebuilder:default={}
	HTTP IngressHTTP `json:"http"`

	// TLS is the port with TLS.
	// +kubebuilder:default={}
	TLS IngressTLS `json:"tls"`
}

// IngressHTTP is the port of the ingress without TLS.
type IngressHTTP struct {
	// +kubebuilder:default=true
	Enabled bool `json:"enabled"`

	// Bind is the port of the Service.
	// +kubebuilder:default=80
	Bind Port `json:"bind"`

	// Listen is the port of the pods.
	// +kubebuilder:default=8000
	Listen Port `json:"listen"`

	// NodePort of the Service; 0 lets the cluster choose.
	// +kubebuilder:default=30508
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	NodePort int32 `json:"nodePort"`
}

// IngressTLS is the port of the ingress with TLS.
type IngressTLS struct {
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// Bind is the port of the Service.
	// +kubebuilder:default=443
	Bind Port `json:"bind"`

	// Listen is the port of the pods.
	// +kubebuilder:default=8443
	Listen Port `json:"listen"`

	// NodePort of the Service; 0 lets the cluster choose.
	// +kubebuilder:default=30607
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	NodePort int32 `json:"nodePort"`

	// MTLS is how FSM 1.2 has clients asked for certificates at all. This version asks
	// them where an Ingress demands it, whatever the value.
	// +kubebuilder:default=false
	MTLS bool `json:"mTLS"`

	// SSLPassthrough forwards connections without ending TLS.
	// +kubebuilder:default={}
	SSLPassthrough SSLPassthrough `json:"sslPassthrough"`
}

// SSLPassthrough forwards connections without ending TLS.
type SSLPassthrough struct {
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// UpstreamPort is the port of Services that connections go to. To a Service without
	// it they go at the port that its Ingress names.
	// +kubebuilder:default=443
	UpstreamPort Port `json:"upstreamPort"`
}

// EgressGatewaySpec is the way out of the mesh.
type EgressGatewaySpec struct {
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// LogLevel of the proxies.
	// +kubebuilder:default=info
	LogLevel LogLevel `json:"logLevel"`

	// Mode is how sidecars reach it. sock5 is how FSM 1.2 writes socks5.
	// +kubebuilder:validation:Enum=http2tunnel;socks5;sock5
	// +kubebuilder:default=http2tunnel
	Mode string `json:"mode"`

	// Port that it listens on.
	// +kubebuilder:default=1080
	Port Port `json:"port"`

	// AdminPort of its proxies.
	// +kubebuilder:default=6060
	AdminPort Port `json:"adminPort"`

	// Replicas of its proxies.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	Replicas int32 `json:"replicas"`
}
