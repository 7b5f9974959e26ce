package istio

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
)

// mesh is the gateway name that stands for all sidecars.
const mesh = "mesh"

// virtualService is a VirtualService with its rules compiled, whichever Gateways it
// is for.
type virtualService struct {
	object *istiov1.VirtualService
	key    resource.Key
	hosts  []serviceHost
	// gateways are those of the VirtualService, without "mesh"; bound has those of its
	// matches besides.
	gateways, bound []types.NamespacedName
	mesh            bool

	http []httpEntry
	tls  []relayEntry
	tcp  []relayEntry

	backends   []backendUse
	unresolved []*core.RefError
	// dropped says what is not served and why; rules counts those that are.
	dropped  []string
	rules    int
	warnings []string
}

// serviceHost is an entry of spec.hosts.
type serviceHost struct {
	// name is exact, a "*." wildcard, or empty for any.
	name string
	// short is set when the user wrote the short name of a Service.
	short bool
}

// scope says at which servers an entry is in force.
type scope struct {
	port     uint32 // 0 for all
	gateways []types.NamespacedName
}

func (s scope) covers(server *server) bool {
	return (s.port == 0 || s.port == uint32(server.port)) && slices.Contains(s.gateways, nameOf(server.gateway.object))
}

// httpEntry is one match of an HTTP rule.
type httpEntry struct {
	scope
	route *ir.Route
}

// relayEntry is one match of a TLS or TCP rule.
type relayEntry struct {
	scope
	origin      ir.Origin
	serverNames []string // of TLS rules
	// raw destinations get the client's bytes, decrypted ones what was taken out of
	// TLS; policies about TLS differ between them.
	raw, decrypted []ir.Destination
}

// backendUse is a backend of a VirtualService, and the Service it belongs to.
type backendUse struct {
	slot    *policy.Slot
	service types.NamespacedName
}

// compiler turns a VirtualService into what proxies do.
type compiler struct {
	frontend *Frontend
	recorder *memo.Recorder
	out      *virtualService
	// path of the rule that is being compiled, "http[0]", and what is wrong with it.
	path    string
	refused []string
}

func (c *compiler) refuse(format string, args ...any) {
	c.refused = append(c.refused, fmt.Sprintf(format, args...))
}

func (c *compiler) warn(format string, args ...any) {
	c.out.warnings = append(c.out.warnings, c.path+"."+fmt.Sprintf(format, args...))
}

// drop notes a part that is not served.
func (c *compiler) drop(what string) { c.out.dropped = append(c.out.dropped, c.path+"."+what) }

func (f *Frontend) makeVirtualService(r *memo.Recorder, name types.NamespacedName) *virtualService {
	object := core.Get[*istiov1.VirtualService](f.src, r, name)
	v := &virtualService{object: object, key: resource.KeyOf(object)}
	c := &compiler{frontend: f, recorder: r, out: v}
	v.readHosts(f.config.DNS.ClusterDomain)
	c.readGateways()
	for i := range object.Spec.HTTP {
		c.path = fmt.Sprintf("http[%d]", i)
		c.http(i, &object.Spec.HTTP[i])
	}
	for i := range object.Spec.TLS {
		c.path = fmt.Sprintf("tls[%d]", i)
		c.tls(i, &object.Spec.TLS[i])
	}
	for i := range object.Spec.TCP {
		c.path = fmt.Sprintf("tcp[%d]", i)
		c.tcp(i, &object.Spec.TCP[i])
	}
	return v
}

// readHosts reads spec.hosts. A short name is that of a Service in the own namespace.
func (v *virtualService) readHosts(domain string) {
	for i, text := range v.object.Spec.Hosts {
		name := strings.ToLower(text)
		switch {
		case name == "*":
			v.hosts = append(v.hosts, serviceHost{})
		case !isHostname(name):
			v.dropped = append(v.dropped, fmt.Sprintf("hosts[%d]: %q is not a host name", i, text))
		case strings.Contains(name, "."):
			v.hosts = append(v.hosts, serviceHost{name: name})
		default:
			v.hosts = append(v.hosts, serviceHost{name: name + "." + v.key.Namespace + ".svc." + domain, short: true})
		}
	}
}

func (c *compiler) readGateways() {
	list := c.out.object.Spec.Gateways
	c.out.mesh = len(list) == 0 || slices.Contains(list, mesh)
	c.out.gateways = c.gatewayNames(list)
	c.out.bound = slices.Clone(c.out.gateways)
}

// gatewayNames reads "name" and "namespace/name".
func (c *compiler) gatewayNames(list []string) []types.NamespacedName {
	var names []types.NamespacedName
	for _, text := range list {
		name := types.NamespacedName{Namespace: c.out.key.Namespace, Name: text}
		if namespace, rest, ok := strings.Cut(text, "/"); ok {
			name = types.NamespacedName{Namespace: namespace, Name: rest}
		}
		if text != mesh && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// scope of a match: its own gateways in place of those of the VirtualService.
func (c *compiler) scope(port uint32, gateways []string) scope {
	if len(gateways) == 0 {
		return scope{port, c.out.gateways}
	}
	own := c.gatewayNames(gateways)
	for _, name := range own {
		if !slices.Contains(c.out.bound, name) {
			c.out.bound = append(c.out.bound, name)
		}
	}
	return scope{port, own}
}

// exportedTo tells whether Gateways of a namespace may use the VirtualService.
func (v *virtualService) exportedTo(namespace string) bool {
	list := v.object.Spec.ExportTo
	return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, namespace) ||
		namespace == v.key.Namespace && slices.Contains(list, ".")
}

// hostnames are those that the VirtualService and a server have in common. Where a
// server names no hosts, as in early 2018, a short name is no condition: it only says
// which Service the rules are about.
func (v *virtualService) hostnames(s *server) []string {
	var common []string
	for _, h := range v.hosts {
		if s.open && h.short {
			h.name = ""
		}
		for _, allowed := range s.hosts {
			if allowed.namespace != "" && allowed.namespace != v.key.Namespace {
				continue
			}
			if name, ok := ir.IntersectHostnames(allowed.name, h.name); ok && !slices.Contains(common, name) {
				common = append(common, name)
			}
		}
	}
	return common
}
