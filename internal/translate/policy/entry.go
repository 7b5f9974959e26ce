package policy

import (
	"fmt"
	"strconv"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
)

// Kinds of targets.
var (
	gatewayKind   = resource.Key{Group: gatewayv1.GroupName, Kind: "Gateway"}
	httpRouteKind = resource.Key{Group: gatewayv1.GroupName, Kind: "HTTPRoute"}
	grpcRouteKind = resource.Key{Group: gatewayv1.GroupName, Kind: "GRPCRoute"}
)

// entry is what a policy says for one part of its target; its config is the policy's
// own where the entry has none.
type entry[C any] struct {
	part
	config *C
}

// configField is where the config of the entry stands.
func (e entry[C]) configField() string {
	return strings.TrimPrefix(e.field+".config", ".")
}

// entries of a policy in the order of its fields.
type entries[C any] struct {
	list     []entry[C]
	fallback *C
}

func (es *entries[C]) add(p part, config *C) {
	if config == nil {
		config = es.fallback
		p.field = strings.TrimSuffix(p.field, ".config")
	}
	es.list = append(es.list, entry[C]{p, config})
}

func (es *entries[C]) port(i int, port v1alpha1.Port, config *C) {
	es.add(part{byPort, strconv.Itoa(int(port)), fmt.Sprintf("ports[%d]", i)}, config)
}

func (es *entries[C]) hostname(i int, hostname gatewayv1.Hostname, config *C) {
	es.add(part{byHostname, string(hostname), fmt.Sprintf("hostnames[%d]", i)}, config)
}

func (es *entries[C]) http(i int, m gatewayv1.HTTPRouteMatch, config *C) {
	es.add(part{byMatch, HTTPMatchKey(m), fmt.Sprintf("http[%d]", i)}, config)
}

func (es *entries[C]) grpc(i int, m gatewayv1.GRPCRouteMatch, config *C) {
	es.add(part{byMatch, GRPCMatchKey(m), fmt.Sprintf("grpc[%d]", i)}, config)
}

// fields are how many entries a policy has of each kind.
type fields struct{ ports, hostnames, http, grpc int }

// fit refuses entries that do not go with the kind of target, and adds the entry for
// the whole route where there is none for a part of it.
func fit[C, S any](es *entries[C], rd *reading[S], target v1alpha1.TargetRef, n fields) {
	switch kind := string(target.Kind); {
	case kind == gatewayKind.Kind && n.hostnames+n.http+n.grpc > 0:
		rd.invalid("hostnames, http and grpc are for routes; remove them, or let targetRef name a route")
	case kind == gatewayKind.Kind && n.ports == 0:
		rd.invalid("ports: say which ports of the Gateway the policy is for")
	case kind == gatewayKind.Kind:
	case n.ports > 0:
		rd.invalid("ports are for Gateways; remove them, or let targetRef name a Gateway")
	case kind == httpRouteKind.Kind && n.grpc > 0:
		rd.invalid("grpc is for GRPCRoutes; use http")
	case kind == grpcRouteKind.Kind && n.http > 0:
		rd.invalid("http is for HTTPRoutes; use grpc")
	case n == fields{}:
		es.add(part{level: byWhole}, nil)
	}
	for _, e := range es.list {
		if e.config == nil {
			rd.invalid("%s: neither the entry nor the policy has one", e.configField())
		}
	}
}

// replyStatus reads a status code of HTTP for replies.
func replyStatus[S any](rd *reading[S], field string, code *v1alpha1.StatusCode, byDefault uint16) uint16 {
	switch {
	case code == nil:
		return byDefault
	case *code < 200 || *code > 599:
		rd.invalid("%s: %d is no status of HTTP; use 200 to 599", field, *code)
		return byDefault
	default:
		return uint16(*code)
	}
}

func valueOr[T any](p *T, byDefault T) T {
	if p == nil {
		return byDefault
	}
	return *p
}
