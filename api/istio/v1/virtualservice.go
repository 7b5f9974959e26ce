package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VirtualService says where traffic goes that came in for a host.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=virtualservices,singular=virtualservice,shortName=vs,categories=istio-io;networking-istio-io
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
type VirtualService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   VirtualServiceSpec `json:"spec,omitempty"`
	Status Status             `json:"status,omitempty"`
}

// VirtualServiceList is a list of them.
//
// +kubebuilder:object:root=true
type VirtualServiceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []VirtualService `json:"items"`
}

// VirtualServiceSpec is what a VirtualService wants.
type VirtualServiceSpec struct {
	// Hosts that the rules are for: DNS names, "*." wildcards, "*", or short names
	// of Services.
	// +kubebuilder:validation:MaxItems=256
	Hosts []string `json:"hosts,omitempty"`
	// Gateways where the rules apply, as "name" or "namespace/name". "mesh", which
	// is also the default, stands for all sidecars.
	// +kubebuilder:validation:MaxItems=64
	Gateways []string `json:"gateways,omitempty"`
	// HTTP rules: the first one that matches serves the request.
	// +kubebuilder:validation:MaxItems=512
	HTTP []HTTPRoute `json:"http,omitempty"`
	// TLS rules, for connections whose TLS is passed through.
	// +kubebuilder:validation:MaxItems=512
	TLS []TLSRoute `json:"tls,omitempty"`
	// TCP rules, for bytes.
	// +kubebuilder:validation:MaxItems=512
	TCP []TCPRoute `json:"tcp,omitempty"`
	// ExportTo are the namespaces whose Gateways may use the rules: "*" for all, "."
	// for the own one. None means all.
	ExportTo []string `json:"exportTo,omitempty"`
}

// StringMatch compares a string; one field is set. None means any value.
type StringMatch struct {
	// Exact is the whole string.
	Exact string `json:"exact,omitempty"`
	// Prefix is its beginning.
	Prefix string `json:"prefix,omitempty"`
	// Regex is an RE2 expression for the whole string.
	Regex string `json:"regex,omitempty"`
}

// HTTPMatchRequest is a conjunction.
type HTTPMatchRequest struct {
	// Name is for people.
	Name string `json:"name,omitempty"`
	// URI is the path, without the query.
	URI *StringMatch `json:"uri,omitempty"`
	// IgnoreURICase compares exact paths and prefixes without regard to case.
	IgnoreURICase bool `json:"ignoreUriCase,omitempty"`
	// Method of the request.
	Method *StringMatch `json:"method,omitempty"`
	// Authority is the Host header, port included.
	Authority *StringMatch `json:"authority,omitempty"`
	// Headers by name.
	Headers map[string]StringMatch `json:"headers,omitempty"`
	// QueryParams by name.
	QueryParams map[string]StringMatch `json:"queryParams,omitempty"`
	// Port of the Gateway.
	Port uint32 `json:"port,omitempty"`
	// Gateways that the match is for, in place of those of the VirtualService.
	Gateways []string `json:"gateways,omitempty"`
	// Scheme of the request. Unsupported.
	Scheme *StringMatch `json:"scheme,omitempty"`
	// WithoutHeaders are headers that must not be there. Unsupported.
	WithoutHeaders map[string]StringMatch `json:"withoutHeaders,omitempty"`
	// SourceLabels and SourceNamespace are about sidecars. Unsupported.
	SourceLabels    map[string]string `json:"sourceLabels,omitempty"`
	SourceNamespace string            `json:"sourceNamespace,omitempty"`
	// StatPrefix is without effect.
	StatPrefix string `json:"statPrefix,omitempty"`
}

// Destination is a Service.
type Destination struct {
	// Host is the short name of a Service in the VirtualService's namespace, or its
	// full name, "name.namespace.svc.cluster.local", or a DNS name.
	Host string `json:"host,omitempty"`
	// Name is what Host was called in early 2018.
	Name string `json:"name,omitempty"`
	// Port of the Service. A Service with a single port needs none.
	Port *PortSelector `json:"port,omitempty"`
	// Subset of a DestinationRule. Unsupported.
	Subset string `json:"subset,omitempty"`
}

// PortSelector chooses a port of a Service.
type PortSelector struct {
	// Number of the port.
	Number uint32 `json:"number,omitempty"`
	// Name of the port, as it could be given in early 2018.
	Name string `json:"name,omitempty"`
}

// Headers are changes to headers.
type Headers struct {
	Request  *HeaderOperations `json:"request,omitempty"`
	Response *HeaderOperations `json:"response,omitempty"`
}

// HeaderOperations change headers.
type HeaderOperations struct {
	// Set replaces headers.
	Set map[string]string `json:"set,omitempty"`
	// Add appends to headers.
	Add map[string]string `json:"add,omitempty"`
	// Remove headers.
	Remove []string `json:"remove,omitempty"`
}

// RouteDestination is a weighted destination for connections.
type RouteDestination struct {
	// +kubebuilder:validation:Required
	Destination Destination `json:"destination"`
	// Weight is relative to the others. A single destination needs none.
	// +kubebuilder:validation:Minimum=0
	Weight int32 `json:"weight,omitempty"`
}

// TLSMatchAttributes is a conjunction.
type TLSMatchAttributes struct {
	// SNIHosts are server names, or "*." wildcards.
	// +kubebuilder:validation:MaxItems=256
	SNIHosts []string `json:"sniHosts,omitempty"`
	// Port of the Gateway.
	Port uint32 `json:"port,omitempty"`
	// Gateways that the match is for.
	Gateways []string `json:"gateways,omitempty"`
	// DestinationSubnets of the connection. Unsupported.
	DestinationSubnets []string `json:"destinationSubnets,omitempty"`
	// SourceLabels and SourceNamespace are about sidecars. Unsupported.
	SourceLabels    map[string]string `json:"sourceLabels,omitempty"`
	SourceNamespace string            `json:"sourceNamespace,omitempty"`
}

// TLSRoute is a rule for connections whose TLS is passed through.
type TLSRoute struct {
	// +kubebuilder:validation:MaxItems=128
	Match []TLSMatchAttributes `json:"match,omitempty"`
	// +kubebuilder:validation:MaxItems=64
	Route []RouteDestination `json:"route,omitempty"`
}

// L4MatchAttributes is a conjunction.
type L4MatchAttributes struct {
	// Port of the Gateway.
	Port uint32 `json:"port,omitempty"`
	// Gateways that the match is for.
	Gateways []string `json:"gateways,omitempty"`
	// DestinationSubnets and SourceSubnet of the connection. Unsupported.
	DestinationSubnets []string `json:"destinationSubnets,omitempty"`
	SourceSubnet       string   `json:"sourceSubnet,omitempty"`
	// SourceLabels and SourceNamespace are about sidecars. Unsupported.
	SourceLabels    map[string]string `json:"sourceLabels,omitempty"`
	SourceNamespace string            `json:"sourceNamespace,omitempty"`
}

// TCPRoute is a rule for bytes.
type TCPRoute struct {
	// +kubebuilder:validation:MaxItems=128
	Match []L4MatchAttributes `json:"match,omitempty"`
	// +kubebuilder:validation:MaxItems=64
	Route []RouteDestination `json:"route,omitempty"`
}
