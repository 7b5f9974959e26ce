package ir

import (
	"fmt"
	"strings"
)

// Names of shared resources. A name says where the thing lives, not what it
// contains, so state that is keyed by name survives edits of the content.
type (
	// GatewayName is "namespace/name" of a Gateway object, or an [IngressGateway].
	GatewayName string
	// ListenerName is the socket a listener stands for: "tcp/0.0.0.0:80".
	ListenerName string
	// TableName is "gateway/listener/hostname" at a gateway.
	TableName string
	// BackendName is the endpoints' name plus what the policy varies on.
	BackendName string
	// EndpointsName is "cluster/namespace/service:port" or "dns/name:port".
	EndpointsName string
	// SecretName is "kind/namespace/name" of the object that holds the material.
	SecretName string
)

// SharedIngress is the name of the proxies that serve the Ingresses of all namespaces, and
// of what belongs to them, in the namespace of the control plane.
const SharedIngress = "fsm-ingress"

// IngressGateway is what the gateway is called that proxies of a name serve Ingresses
// with. No object can have a namespace that begins like this.
func IngressGateway(namespace, name string) GatewayName {
	return GatewayName("ingress:" + namespace + "/" + name)
}

// LocalCluster is the cluster part of names of things in the own cluster.
const LocalCluster = "local"

// Origin is the user object, and the part of it, that caused a resource. Log
// lines, metrics, conditions and explanations show it.
type Origin struct {
	Kind      string
	Namespace string
	Name      string
	// Part is the place inside the object: "rule 0", "listener https". Empty for
	// the object as a whole.
	Part string
}

// Object is the origin without its part.
func (o Origin) Object() Origin {
	o.Part = ""
	return o
}

// String is "Kind namespace/name part", for example
// "HTTPRoute httpbin/http-route-foo rule 0".
func (o Origin) String() string {
	if o.Kind == "" {
		return ""
	}
	s := o.Kind + " "
	if o.Namespace != "" {
		s += o.Namespace + "/"
	}
	s += o.Name
	if o.Part != "" {
		s += " " + o.Part
	}
	return s
}

// MarshalText writes the form of String.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the form of String.
func (o *Origin) UnmarshalText(text []byte) error {
	*o = Origin{}
	if len(text) == 0 {
		return nil
	}
	kind, rest, ok := strings.Cut(string(text), " ")
	if !ok {
		return fmt.Errorf("origin %q: want \"Kind namespace/name part\"", text)
	}
	o.Kind = kind
	rest, o.Part, _ = strings.Cut(rest, " ")
	// What begins with a slash is the path of a file.
	if namespace, name, ok := strings.Cut(rest, "/"); ok && namespace != "" {
		o.Namespace, o.Name = namespace, name
	} else {
		o.Name = rest
	}
	return nil
}
