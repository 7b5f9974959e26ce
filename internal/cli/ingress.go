package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fsm/internal/install"
)

func ingressCommand() *cobra.Command {
	c := &component{
		Component: install.Ingress, use: "ingress", alias: []string{"ing"}, title: "the Ingress controller", sure: "Ingress",
		short:    "Switch the Ingress controller on and off",
		settings: ingressFlags,
		enable: `Has the control plane serve Ingresses of the classes pipy and fsm, by proxies of their
own in its namespace. What no flag says stays as it is: run it again to change something.
Gateways are served or not as before.`,
		disable: `Takes the proxies of Ingresses away, and the rights of the control plane for them.
Ingresses stay, and are served by nobody.`,
	}
	cmd := c.command()
	cmd.AddCommand(namespacedIngressCommand())
	return cmd
}

func namespacedIngressCommand() *cobra.Command {
	c := &component{
		// There is no place for them without the Ingress controller.
		Component: install.NamespacedIngress, use: "namespaced", alias: []string{"nsig"}, title: "proxies of single namespaces", sure: "Namespaced ingress",
		short: "Switch proxies of single namespaces on and off",
		settings: func(*cobra.Command) func(install.Component) (install.Component, error) {
			return func(c install.Component) (install.Component, error) {
				return c.With("fsmIngress.enabled", "ingress.enabled", true), nil
			}
		},
		enable: `Has the control plane run proxies for the Ingresses of a namespace that has an object
NamespacedIngress, in that namespace. The Ingress controller is switched on with it.`,
		disable: `Takes the proxies of single namespaces away. Their Ingresses are served by those that all
namespaces share.`,
	}
	return c.command()
}

// ingressFlag is a flag, and where the chart and the mesh configuration have it.
type ingressFlag struct {
	name, value, field string
	bind               func(f *pflag.FlagSet, name string) (read func() any)
}

func number(initial int, use string) func(*pflag.FlagSet, string) func() any {
	return func(f *pflag.FlagSet, name string) func() any {
		v := f.Int(name, initial, use)
		return func() any { return int64(*v) }
	}
}

func boolean(initial bool, use string) func(*pflag.FlagSet, string) func() any {
	return func(f *pflag.FlagSet, name string) func() any {
		v := f.Bool(name, initial, use)
		return func() any { return *v }
	}
}

func text(initial, use string) func(*pflag.FlagSet, string) func() any {
	return func(f *pflag.FlagSet, name string) func() any {
		v := f.String(name, initial, use)
		return func() any { return *v }
	}
}

// ingressTable are the flags of FSM 1.2. The defaults are those of a mesh configuration
// that says nothing.
func ingressTable() []ingressFlag {
	return []ingressFlag{
		{"log-level", "fsmIngress.logLevel", "ingress.logLevel", text("info", "log level of the proxies: debug, info, warn or error")},
		{"http-enable", "fsmIngress.http.enabled", "ingress.http.enabled", boolean(true, "have a port without TLS")},
		{"http-port", "fsmIngress.http.port", "ingress.http.bind", number(80, "that port")},
		{"http-node-port", "fsmIngress.http.nodePort", "ingress.http.nodePort", number(30508, "that port on nodes; 0 lets the cluster choose")},
		{"tls-enable", "fsmIngress.tls.enabled", "ingress.tls.enabled", boolean(false, "have a port with TLS")},
		{"mtls", "fsmIngress.tls.mTLS", "ingress.tls.mTLS", boolean(false, "as FSM 1.2 has it; clients are asked for certificates where an Ingress demands it, without it as well")},
		{"tls-port", "fsmIngress.tls.port", "ingress.tls.bind", number(443, "the port with TLS")},
		{"tls-node-port", "fsmIngress.tls.nodePort", "ingress.tls.nodePort", number(30607, "that port on nodes; 0 lets the cluster choose")},
		{"passthrough-enable", "fsmIngress.tls.sslPassthrough.enabled", "ingress.tls.sslPassthrough.enabled", boolean(false, "forward connections with TLS and leave it to the backends")},
		{"passthrough-upstream-port", "fsmIngress.tls.sslPassthrough.upstreamPort", "ingress.tls.sslPassthrough.upstreamPort", number(443, "port of Services for them")},
		{"replicas", "fsmIngress.replicaCount", "ingress.replicas", number(1, "how many proxies")},
		{"type", "fsmIngress.service.type", "ingress.type", text("LoadBalancer", "type of their Service: LoadBalancer or NodePort")},
	}
}

// ingressFlags makes the flags of "fsm ingress enable".
func ingressFlags(cmd *cobra.Command) func(install.Component) (install.Component, error) {
	table, read := ingressTable(), map[string]func() any{}
	for _, f := range table {
		read[f.name] = f.bind(cmd.Flags(), f.name)
	}
	return func(c install.Component) (install.Component, error) {
		if kind, ok := read["type"]().(string); ok {
			if err := oneOf("type", kind, "LoadBalancer", "NodePort"); err != nil {
				return c, err
			}
		}
		for _, f := range table {
			if cmd.Flags().Changed(f.name) {
				c = c.With(f.value, f.field, read[f.name]())
			}
		}
		return c, nil
	}
}
