package core

import (
	"cmp"

	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/ir"
)

// Config is what a translation depends on besides the objects.
type Config struct {
	// ControllerName is the controllerName of the GatewayClasses that are ours,
	// and the one written into statuses. Default [ControllerName].
	ControllerName string
	// Standalone adds the built-in GatewayClasses [BuiltinClasses], so that files
	// need not declare one.
	Standalone bool
	// NoGateways has every Gateway treated as if its class did not exist: it stays as
	// it is.
	NoGateways bool
	// DNS restricts the names that users may send traffic to.
	DNS DNS
	// SessionKey is what session cookies are made with, so that all proxies recognise
	// each other's. Empty leaves each to a key of its own.
	SessionKey ir.Private
	// Ingress is how objects of kind Ingress are served.
	Ingress Ingress
}

// Ingress is how objects of kind Ingress are served: all of them by one proxy.
type Ingress struct {
	// Enabled says that they are served. Always so when standalone.
	Enabled bool
	// Namespace is that of the proxy. Default "fsm-system".
	Namespace string
	// HTTP is the port without TLS. Default 80, and 8000 in the pod, so that the proxy
	// needs no privilege. TLS is the one with TLS. Default 443, and 8443 in the pod.
	// Both are there when standalone.
	HTTP, TLS IngressPort
	// Passthrough says that TLS is never terminated: connections go to the backend
	// of their server name's root path.
	Passthrough bool
	// PassthroughPort is the port of Services that they go to, where there is one.
	PassthroughPort uint16
	// Namespaced says that a namespace with a NamespacedIngress has a proxy of its own.
	Namespaced bool
	// NGINX takes Ingresses of class "nginx" as well.
	NGINX bool
	// Certificate is the Secret with what the proxy shows to backends with TLS whose
	// Ingress names no other certificate. Proxies of a namespace do not get it: whoever
	// may enter their pods would have the key. Without a name there is none.
	Certificate types.NamespacedName
}

// IngressPort is a port of the proxy.
type IngressPort struct {
	Enabled bool
	// Port is what clients use, and Bind what the proxy listens on.
	Port, Bind uint16
}

// or fills in what is not set.
func (p IngressPort) or(port, bind uint16) IngressPort {
	return IngressPort{p.Enabled, cmp.Or(p.Port, port), cmp.Or(p.Bind, bind)}
}

// InCluster is the config for the objects of a cluster, where whoever may write a route
// in one namespace must not reach the Services of others by their names in DNS. The name
// of the controller may be empty.
func InCluster(controllerName string) Config {
	return Config{ControllerName: controllerName, DNS: DNS{Restricted: true}}.Resolve()
}

// ControllerName is the default of [Config.ControllerName].
const ControllerName = "flomesh.io/gateway-controller"

// BuiltinClasses are the GatewayClasses that exist without an object when
// standalone.
func BuiltinClasses() []string { return []string{"fsm-gateway-cls", "fsm"} }

// Resolve returns the config with every unset field at its default.
func (c Config) Resolve() Config {
	if c.ControllerName == "" {
		c.ControllerName = ControllerName
	}
	if c.DNS.ClusterDomain == "" {
		c.DNS.ClusterDomain = "cluster.local"
	}
	if c.Ingress.Namespace == "" {
		c.Ingress.Namespace = "fsm-system"
	}
	if c.Standalone {
		c.Ingress.Enabled, c.Ingress.HTTP.Enabled, c.Ingress.TLS.Enabled = true, true, true
	}
	c.Ingress.HTTP, c.Ingress.TLS = c.Ingress.HTTP.or(80, 8000), c.Ingress.TLS.or(443, 8443)
	return c
}
