package core

// Config is what a translation depends on besides the objects.
type Config struct {
	// ControllerName is the controllerName of the GatewayClasses that are ours,
	// and the one written into statuses. Default [ControllerName].
	ControllerName string
	// Standalone adds the built-in GatewayClasses [BuiltinClasses], so that files
	// need not declare one.
	Standalone bool
	// DNS restricts the names that users may send traffic to.
	DNS DNS
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
	return c
}
