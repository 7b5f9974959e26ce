package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NamespacedIngress has the Ingresses of its namespace served by proxies there, and no
// longer by those that all namespaces share. Of several in a namespace the oldest
// counts.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=namespacedingresses,singular=namespacedingress,shortName=nsig
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.serviceType`
// +kubebuilder:printcolumn:name="HTTP",type=integer,JSONPath=`.spec.http.port.port`
// +kubebuilder:printcolumn:name="TLS",type=boolean,JSONPath=`.spec.tls.enabled`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 51 && self.metadata.name.matches('^[-a-z0-9]+$')",message="want a name of at most 51 characters, without dots"
type NamespacedIngress struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +kubebuilder:default={http: {enabled: true, port: {port: 80, targetPort: 8000}}, tls: {enabled: false, port: {port: 443, targetPort: 8443}, sslPassthrough: {enabled: false}}}
	Spec NamespacedIngressSpec `json:"spec"`
}

// NamespacedIngressList is a list of them.
//
// +kubebuilder:object:root=true
type NamespacedIngressList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []NamespacedIngress `json:"items"`
}

// Workload is the name of the proxies and of what belongs to them.
func (n *NamespacedIngress) Workload() string { return "fsm-ingress-" + n.Name }

// NamespacedIngressSpec is how the proxies are run.
//
// +kubebuilder:pruning:PreserveUnknownFields
// +kubebuilder:validation:XValidation:rule="self.http.enabled || self.tls.enabled",message="want http.enabled or tls.enabled"
// +kubebuilder:validation:XValidation:rule="!self.tls.sslPassthrough.enabled || self.tls.enabled",message="tls.sslPassthrough needs tls.enabled"
// +kubebuilder:validation:XValidation:rule="!self.http.enabled || !self.tls.enabled || self.http.port.port != self.tls.port.port && self.http.port.targetPort != self.tls.port.targetPort",message="http and tls need different ports"
type NamespacedIngressSpec struct {
	// ServiceType is that of the Service.
	// +kubebuilder:validation:Enum=LoadBalancer;NodePort
	// +kubebuilder:default=LoadBalancer
	ServiceType corev1.ServiceType `json:"serviceType"`

	// ServiceAnnotations are annotations of the Service.
	ServiceAnnotations map[string]string `json:"serviceAnnotations,omitempty"`

	// HTTP is the port without TLS.
	// +kubebuilder:default={}
	HTTP NamespacedHTTP `json:"http"`

	// TLS is the port with TLS.
	// +kubebuilder:default={}
	TLS NamespacedTLS `json:"tls"`

	// Resources of a proxy.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`

	// NodeSelector are labels that nodes must have.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Affinity of the pods.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// Tolerations of the pods.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// LogLevel of the proxies. There are debug, info, warn and error; the others are
	// those of FSM 1.2 and mean the nearest of these.
	// +kubebuilder:validation:Enum=trace;debug;info;warn;error;fatal;panic;disabled
	// +kubebuilder:default=info
	LogLevel string `json:"logLevel"`

	// Replicas of the proxy.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas int32 `json:"replicas"`
}

// NamespacedHTTP is the port without TLS.
type NamespacedHTTP struct {
	// +kubebuilder:default=true
	Enabled bool `json:"enabled"`

	// Port of the Service.
	// +kubebuilder:default={port: 80, targetPort: 8000}
	Port NamespacedPort `json:"port"`
}

// NamespacedTLS is the port with TLS.
type NamespacedTLS struct {
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// Port of the Service.
	// +kubebuilder:default={port: 443, targetPort: 8443}
	Port NamespacedPort `json:"port"`

	// SSLPassthrough forwards connections without ending TLS.
	// +kubebuilder:default={}
	SSLPassthrough NamespacedPassthrough `json:"sslPassthrough"`
}

// NamespacedPort is a port of the Service.
//
// +kubebuilder:pruning:PreserveUnknownFields
type NamespacedPort struct {
	// Port of the Service.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`

	// TargetPort is the port of the pods: 1024 or more, and not one that a proxy has for
	// itself, 15000 and 15021.
	// +required
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:validation:XValidation:rule="self != 15000 && self != 15021",message="the proxy has this port for itself"
	TargetPort int32 `json:"targetPort"`

	// NodePort of the Service; 0 lets the cluster choose.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	NodePort int32 `json:"nodePort"`
}

// NamespacedPassthrough forwards connections without ending TLS.
type NamespacedPassthrough struct {
	// +kubebuilder:default=false
	Enabled bool `json:"enabled"`

	// UpstreamPort is the port of Services that connections go to. To a Service without
	// it they go at the port that its Ingress names.
	// +kubebuilder:default=443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	UpstreamPort int32 `json:"upstreamPort"`
}
