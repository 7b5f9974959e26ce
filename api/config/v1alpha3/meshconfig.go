package v1alpha3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Name of the one object that counts, in the namespace of the control plane.
const Name = "fsm-mesh-config"

// MeshConfig is the configuration of an installation. Only the one with the name
// fsm-mesh-config, in the namespace of the control plane, counts.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=meshconfigs,singular=meshconfig,shortName=meshconfig
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
type MeshConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +kubebuilder:default={}
	Spec MeshConfigSpec `json:"spec"`
}

// MeshConfigList is a list of them.
//
// +kubebuilder:object:root=true
type MeshConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []MeshConfig `json:"items"`
}

// MeshConfigSpec is all that can be configured. Sections that this version does not
// know are kept.
//
// +kubebuilder:pruning:PreserveUnknownFields
type MeshConfigSpec struct {
	// Image is where the images of proxies come from.
	// +kubebuilder:default={}
	Image ImageSpec `json:"image"`

	// GatewayAPI is about Gateways and their proxies.
	// +kubebuilder:default={}
	GatewayAPI GatewayAPISpec `json:"gatewayAPI"`

	// Observability is what the control plane and proxies tell.
	// +kubebuilder:default={}
	Observability ObservabilitySpec `json:"observability"`

	// Certificate is about the certificates of the built-in authority.
	// +kubebuilder:default={}
	Certificate CertificateSpec `json:"certificate"`

	// ServiceLB is the load balancer for Services of clusters that have none.
	// +kubebuilder:default={}
	ServiceLB ServiceLBSpec `json:"serviceLB"`

	// Ingress is the Ingress controller.
	// +kubebuilder:default={}
	Ingress IngressSpec `json:"ingress"`

	// EgressGateway is the way out of the mesh. It acts once that is there.
	// +kubebuilder:default={}
	EgressGateway EgressGatewaySpec `json:"egressGateway"`

	// Sidecar is about the proxies beside workloads. It acts once the sidecar mesh is
	// there.
	// +kubebuilder:default={}
	Sidecar SidecarSpec `json:"sidecar"`

	// Traffic is how the sidecar mesh treats traffic. It acts once that is there.
	// +kubebuilder:default={}
	Traffic TrafficSpec `json:"traffic"`

	// FeatureFlags switch parts of FSM.
	// +kubebuilder:default={}
	FeatureFlags FeatureFlags `json:"featureFlags"`

	// PluginChains are plugins for all workloads. They act once plugins are there.
	// +kubebuilder:default={}
	PluginChains PluginChainsSpec `json:"pluginChains"`

	// ClusterSet is who this cluster is among others. It acts once multi-cluster
	// services are there.
	// +kubebuilder:default={}
	ClusterSet ClusterSetSpec `json:"clusterSet"`

	// FLB is the load balancer of the name outside of the cluster. FSM does not
	// include one; the values are kept.
	// +kubebuilder:default={}
	FLB FLBSpec `json:"flb"`

	// RepoServer is where proxies of FSM 1.2 had their configuration from. Proxies of
	// this version have theirs from the control plane; the values are kept.
	// +kubebuilder:default={}
	RepoServer RepoServerSpec `json:"repoServer"`

	// Misc are images of helpers of FSM 1.2, which this version does not need. The
	// values are kept.
	// +kubebuilder:default={}
	Misc MiscSpec `json:"misc"`
}

// LogLevel is how much is logged. There are debug, info, warn and error; the others
// are those of FSM 1.2 and mean the nearest of these.
//
// +kubebuilder:validation:Enum=trace;debug;info;warn;error;fatal;panic;disabled
type LogLevel string

// Port is one of TCP or UDP.
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=65535
type Port int32

// Duration is a number with a unit, such as "90s", "10m" or "24h"; several of them
// add up.
//
// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
// +kubebuilder:validation:MaxLength=32
type Duration string

// Range is a network of IPv4 addresses in CIDR notation.
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$`
type Range string

// ImageSpec is where images come from. A name that is empty is the one that the
// control plane was installed with.
type ImageSpec struct {
	// Registry is the registry and path of the images, as in "flomesh" or
	// "registry.example/fsm".
	// +kubebuilder:validation:MaxLength=512
	Registry string `json:"registry,omitempty"`

	// Tag of the images.
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$`
	Tag string `json:"tag,omitempty"`

	// PullPolicy is when they are pulled.
	// +kubebuilder:validation:Enum="";Always;IfNotPresent;Never
	PullPolicy string `json:"pullPolicy,omitempty"`
}

// ClusterSetSpec is who this cluster is among others.
type ClusterSetSpec struct {
	// IsManaged says that a control plane of another cluster manages this one.
	// +kubebuilder:default=false
	IsManaged bool `json:"isManaged"`

	// UID of the set of clusters.
	UID string `json:"uid,omitempty"`

	// Region that the cluster is in.
	// +kubebuilder:default=default
	Region string `json:"region"`

	// Zone that the cluster is in.
	// +kubebuilder:default=default
	Zone string `json:"zone"`

	// Group that the cluster is in.
	// +kubebuilder:default=default
	Group string `json:"group"`

	// Name of the cluster.
	// +kubebuilder:default=local
	Name string `json:"name"`

	// ControlPlaneUID is that of the control plane that manages this cluster.
	ControlPlaneUID string `json:"controlPlaneUID,omitempty"`

	// Properties of the cluster that others know it by.
	Properties []ClusterProperty `json:"properties,omitempty"`
}

// ClusterProperty is a name and a value.
type ClusterProperty struct {
	// +required
	Name string `json:"name"`
	// +required
	Value string `json:"value"`
}

// FLBSpec is the load balancer FLB.
type FLBSpec struct {
	// Enabled says that Services get their addresses from it.
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// StrictMode serves only namespaces that have a Secret for it.
	// +kubebuilder:default=false
	StrictMode bool `json:"strictMode"`

	// UpstreamMode is what it sends traffic to.
	// +kubebuilder:validation:Enum=NodePort;Endpoint
	// +kubebuilder:default=Endpoint
	UpstreamMode string `json:"upstreamMode"`

	// SecretName is the Secret with the way to it.
	// +kubebuilder:default=fsm-flb-secret
	SecretName string `json:"secretName"`
}

// RepoServerSpec is where proxies of FSM 1.2 had their configuration from.
type RepoServerSpec struct {
	// IPAddr is its address.
	// +kubebuilder:default="127.0.0.1"
	IPAddr string `json:"ipaddr"`

	// Port is its port.
	// +kubebuilder:default=6060
	Port Port `json:"port"`

	// Codebase is the path below which it has everything.
	Codebase string `json:"codebase,omitempty"`
}

// MiscSpec are images of helpers.
type MiscSpec struct {
	// CurlImage is one with curl.
	// +kubebuilder:default="flomesh/fsm-curl"
	CurlImage string `json:"curlImage"`

	// RepoServerImage is that of the repo server.
	RepoServerImage string `json:"repoServerImage,omitempty"`
}
