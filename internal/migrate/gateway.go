package migrate

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
)

// group are the servers that one Gateway can have: all its HTTPS listeners ask the same
// of clients (Gateway.spec.tls.frontend), where Ingresses have annotations for each host.
type group struct {
	name    types.NamespacedName
	clients *ir.ClientValidation
	servers []*ir.GatewayListener
	// sets are further listeners, for which a Gateway has no room.
	sets []*gatewayv1.ListenerSet
	// own are the servers of the Gateway itself.
	own []*ir.GatewayListener
}

// mostListeners is how many a Gateway and a ListenerSet can have each.
const mostListeners = 64

// groupServers makes Gateways out of what servers ask of clients. The first one, which
// most hosts share if they can, gets the hosts without TLS too.
func (c *converter) groupServers() {
	for _, l := range c.secure {
		var clients *ir.ClientValidation
		if l.TLS != nil {
			clients = l.TLS.Clients
		}
		i := slices.IndexFunc(c.groups, func(g *group) bool { return reflect.DeepEqual(g.clients, clients) })
		if i < 0 {
			i = len(c.groups)
			c.groups = append(c.groups, &group{clients: clients})
		}
		c.groups[i].servers = append(c.groups[i].servers, l)
	}
	if len(c.groups) == 0 {
		c.groups = []*group{{}}
	}
	slices.SortStableFunc(c.groups, func(a, b *group) int { return cmp.Compare(len(b.servers), len(a.servers)) })
	for i, g := range c.groups {
		g.name = c.options.Gateway
		if i > 0 {
			g.name.Name += "-" + strconv.Itoa(i+1)
		}
		room := mostListeners - 1 // one is without TLS
		g.own = g.servers[:min(room, len(g.servers))]
		for n, chunk := range slices.Collect(slices.Chunk(g.servers[len(g.own):], mostListeners)) {
			g.sets = append(g.sets, c.listenerSet(g, n, chunk))
		}
	}
}

// groupOf is the Gateway of a host.
func (c *converter) groupOf(host string) *group {
	for _, covers := range []func(server string) bool{
		func(server string) bool { return server == host },
		func(server string) bool { return host != "" && ir.HostnameCovers(server, host) },
	} {
		for _, g := range c.groups {
			if slices.ContainsFunc(g.servers, func(l *ir.GatewayListener) bool { return covers(l.Hostname) }) {
				return g
			}
		}
	}
	return c.groups[0]
}

// gateways writes the Gateways.
func (c *converter) gateways() {
	for i, g := range c.groups {
		object := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: g.name.Namespace, Name: g.name.Name, Annotations: c.limitAnnotation()}}
		object.Spec.GatewayClassName = gatewayv1.ObjectName(core.BuiltinClasses()[1])
		object.Spec.Listeners = []gatewayv1.Listener{{
			Name: "http", Port: c.options.HTTP, Protocol: gatewayv1.HTTPProtocolType, AllowedRoutes: c.allowed(),
		}}
		for _, l := range g.own {
			object.Spec.Listeners = append(object.Spec.Listeners, gatewayv1.Listener(c.listener(g, l)))
		}
		object.Spec.TLS = c.gatewayTLS(g)
		c.Objects = append(c.Objects, object)
		if len(g.sets) > 0 {
			object.Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: new(gatewayv1.NamespacesFromSame)}}
		}
		for _, set := range g.sets {
			c.Objects = append(c.Objects, set)
		}
		if i > 0 {
			c.warnAboutAddress(g)
		}
	}
}

// gatewayTLS is what a Gateway asks of clients, and shows to backends.
func (c *converter) gatewayTLS(g *group) *gatewayv1.GatewayTLSConfig {
	var t gatewayv1.GatewayTLSConfig
	if g.clients != nil {
		t.Frontend = &gatewayv1.FrontendTLSConfig{Default: gatewayv1.TLSConfig{Validation: c.validation(g)}}
	}
	if c.certificate != "" {
		t.Backend = &gatewayv1.GatewayBackendTLS{ClientCertificateRef: new(c.secretOf(g, c.certificate))}
	}
	if t == (gatewayv1.GatewayTLSConfig{}) {
		return nil
	}
	return &t
}

// warnAboutAddress tells that hosts move, because a Gateway has addresses of its own.
func (c *converter) warnAboutAddress(g *group) {
	for _, o := range c.ingresses {
		for _, rule := range o.Spec.Rules {
			if c.groupOf(rule.Host) == g {
				c.add(Differs, resource.KeyOf(o), "host %s is served by Gateway %s, which has an address of its own: what clients have to show is the same for all hosts of a Gateway", rule.Host, g.name)
			}
		}
	}
}

func (c *converter) listenerSet(g *group, n int, servers []*ir.GatewayListener) *gatewayv1.ListenerSet {
	set := &gatewayv1.ListenerSet{ObjectMeta: metav1.ObjectMeta{Namespace: g.name.Namespace, Name: g.name.Name + "-more-" + strconv.Itoa(n+1)}}
	set.Spec.ParentRef.Name = gatewayv1.ObjectName(g.name.Name)
	for _, l := range servers {
		set.Spec.Listeners = append(set.Spec.Listeners, c.listener(g, l))
	}
	return set
}

// listener writes a server. A Gateway's listeners have the same fields as those of a
// ListenerSet.
func (c *converter) listener(g *group, l *ir.GatewayListener) gatewayv1.ListenerEntry {
	out := gatewayv1.ListenerEntry{
		Name: listenerName(l), Hostname: new(gatewayv1.Hostname(l.Hostname)), Port: c.options.HTTPS,
		Protocol: gatewayv1.HTTPSProtocolType, AllowedRoutes: c.allowed(), TLS: &gatewayv1.ListenerTLSConfig{},
	}
	if l.Protocol == ir.ProtocolTLS {
		out.Protocol, out.TLS.Mode = gatewayv1.TLSProtocolType, new(gatewayv1.TLSModePassthrough)
		return out
	}
	for _, name := range l.TLS.Certificates {
		out.TLS.CertificateRefs = append(out.TLS.CertificateRefs, c.secretOf(g, name))
	}
	return out
}

// listenerName is made from the server name, of which there is one each.
func listenerName(l *ir.GatewayListener) gatewayv1.SectionName {
	prefix := "https-"
	if l.Protocol == ir.ProtocolTLS {
		prefix = "tls-"
	}
	return gatewayv1.SectionName(prefix + strings.Replace(l.Hostname, "*.", "any.", 1))
}

// allowed lets in the routes of all namespaces that have Ingresses; by default a
// listener takes those of its own.
func (c *converter) allowed() *gatewayv1.AllowedRoutes {
	if slices.Equal(c.namespaces(), []string{c.options.Gateway.Namespace}) {
		return nil
	}
	return &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: new(gatewayv1.NamespacesFromAll)}}
}

// secretOf refers to a Secret of a Gateway.
func (c *converter) secretOf(g *group, name ir.SecretName) gatewayv1.SecretObjectReference {
	return c.secretRef(grantee{gatewayv1.GroupName, "Gateway", g.name.Namespace}, c.mesh.Secrets[name].Origin)
}

func (c *converter) validation(g *group) *gatewayv1.FrontendTLSValidation {
	v := &gatewayv1.FrontendTLSValidation{}
	if g.clients.Optional {
		v.Mode = gatewayv1.AllowInsecureFallback
	}
	for _, name := range g.clients.Authorities {
		ref := c.secretOf(g, name)
		v.CACertificateRefs = append(v.CACertificateRefs, gatewayv1.ObjectReference{Kind: "Secret", Name: ref.Name, Namespace: ref.Namespace})
	}
	return v
}
