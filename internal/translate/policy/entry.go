package policy

import (
	"fmt"
	"strconv"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
)

// Kinds of targets.
var (
	gatewayKind   = resource.Key{Group: gatewayv1.GroupName, Kind: "Gateway"}
	httpRouteKind = resource.Key{Group: gatewayv1.GroupName, Kind: "HTTPRoute"}
	grpcRouteKind = resource.Key{Group: gatewayv1.GroupName, Kind: "GRPCRoute"}
	serviceKind   = resource.Key{Kind: "Service"}
	importKind    = resource.Key{Group: core.ImportGroup, Kind: "ServiceImport"}
)

// entry is what a policy says for one part of its target; its config is the policy's
// own where the entry has none.
type entry[C any] struct {
	part
	config *C
}

// entries of a policy in the order of its fields.
type entries[C any] struct {
	list []entry[C]
	// name is that of the field with what holds for an entry, and fallback what holds for
	// entries without it: the policy's field of the same name.
	name     string
	fallback *C
}

func (es *entries[C]) add(p part, config *C) {
	p.valueAt = strings.Trim(p.field+"."+es.name, ".")
	if config == nil && es.fallback != nil {
		config, p.valueAt = es.fallback, es.name
	}
	es.list = append(es.list, entry[C]{p, config})
}

func (es *entries[C]) port(i int, port v1alpha1.Port, config *C) {
	es.add(part{level: byPort, name: strconv.Itoa(int(port)), field: fmt.Sprintf("ports[%d]", i)}, config)
}

func (es *entries[C]) hostname(i int, hostname gatewayv1.Hostname, config *C) {
	es.add(part{level: byHostname, name: string(hostname), field: fmt.Sprintf("hostnames[%d]", i)}, config)
}

func (es *entries[C]) http(i int, m gatewayv1.HTTPRouteMatch, config *C) {
	es.add(part{level: byMatch, name: HTTPMatchKey(m), field: fmt.Sprintf("http[%d]", i)}, config)
}

func (es *entries[C]) grpc(i int, m gatewayv1.GRPCRouteMatch, config *C) {
	es.add(part{level: byMatch, name: GRPCMatchKey(m), field: fmt.Sprintf("grpc[%d]", i)}, config)
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
		es.add(whole, nil)
	}
}

// fill reads each entry into what holds for its part.
func fill[C, S any](rd *reading[S], es *entries[C], read func(entry[C], spot) S) {
	for _, e := range es.list {
		at := spot{&rd.flaw, e.valueAt}
		var setting S
		switch {
		case e.config != nil:
			setting = read(e, at)
		case e.level == byWhole:
			at.wrong(" is required where there are no hostnames, http or grpc")
		default:
			at.wrong(" is required where there is no %s for all", es.name)
		}
		rd.add(e.part, setting)
	}
}

// spot is a field of a policy that is being read.
type spot struct {
	*flaw
	name string
}

func (s spot) under(name string) spot { return spot{s.flaw, s.name + "." + name} }

// wrong says what follows the name of the field.
func (s spot) wrong(format string, args ...any) {
	s.invalid("%s%s", s.name, fmt.Sprintf(format, args...))
}

// warn says what follows the name of the field.
func (s spot) warn(format string, args ...any) {
	s.warnings = append(s.warnings, s.name+fmt.Sprintf(format, args...))
}

// status reads a status code of HTTP for replies.
func (s spot) status(code *v1alpha1.StatusCode, byDefault uint16) uint16 {
	switch {
	case code == nil:
		return byDefault
	case *code < 200 || *code > 599:
		s.wrong(": %d is no status of HTTP; use 200 to 599", *code)
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
