package istio

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// gateway is an Istio Gateway with its servers, before VirtualServices.
type gateway struct {
	object   *istiov1.Gateway
	key      resource.Key
	servers  []*server
	warnings []string
}

// server is a server of a Gateway with everything decided about it except which
// VirtualServices attach to it, and whether another server has its port.
type server struct {
	gateway *gateway
	index   int
	port    uint16
	// protocol is HTTP, HTTPS, TLS or TCP. TLS without tls is passed through.
	protocol ir.Protocol
	// hosts that may be served; open says that the user named none.
	hosts []host
	open  bool
	// redirect answers all requests; nil in most servers.
	redirect *ir.Route
	tls      *ir.ServerTLS
	secrets  []*ir.Secret
	// refused says why the server is not served, unresolved which certificate is
	// missing.
	refused    []string
	unresolved string
}

// host is an entry of a server's hosts.
type host struct {
	// namespace of the VirtualServices; empty for all.
	namespace string
	// name is exact, a "*." wildcard, or empty for any.
	name string
}

func nameOf(o resource.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// byAge is the order in which objects claim what only one can have.
func byAge[T core.Object](list []T) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return core.ByAge(a, b) })
}

func originOf(key resource.Key, part string) ir.Origin {
	return ir.Origin{Kind: key.KindID(), Namespace: key.Namespace, Name: key.Name, Part: part}
}

func (s *server) origin() ir.Origin {
	return originOf(s.gateway.key, "server "+strconv.Itoa(s.index))
}

// serves tells whether nothing about the server itself is wrong.
func (s *server) serves() bool { return len(s.refused) == 0 && s.unresolved == "" }

// makeGateway returns nil for a Gateway that is for other pods than ours.
func (f *Frontend) makeGateway(r *memo.Recorder, name types.NamespacedName) *gateway {
	object := core.Get[*istiov1.Gateway](f.src, r, name)
	if object == nil || !f.config.Standalone && !object.Spec.SelectsIngress() {
		return nil
	}
	g := &gateway{object: object, key: resource.KeyOf(object)}
	for i := range object.Spec.Servers {
		g.servers = append(g.servers, f.makeServer(r, g, i))
	}
	return g
}
