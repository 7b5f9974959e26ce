package gatewayapi

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
)

// annotationPrefix starts the annotations of a Gateway that tune its listeners:
// "gateway.flomesh.io/idle-timeout" for all of them, and
// "gateway.flomesh.io/idle-timeout.web" for the listener named web.
const annotationPrefix = "gateway.flomesh.io/"

// option is one annotation.
type option struct {
	name string
	// want describes the values that are allowed.
	want string
	// set parses a value; false when it is not allowed.
	set func(*ir.Options, string) bool
}

// options is the one list of annotations that tune listeners.
var options = []option{
	boolean("proxy-protocol", func(o *ir.Options) *bool { return &o.ProxyProtocol }),
	number("max-connections", 1, func(o *ir.Options) *uint32 { return &o.MaxConnections }),
	number("max-connections-per-address", 0, func(o *ir.Options) *uint32 { return &o.MaxConnectionsPerAddress }),
	duration("handshake-timeout", func(o *ir.Options) *ir.Duration { return &o.HandshakeTimeout }),
	duration("header-timeout", func(o *ir.Options) *ir.Duration { return &o.HeaderTimeout }),
	duration("idle-timeout", func(o *ir.Options) *ir.Duration { return &o.IdleTimeout }),
	duration("body-timeout", func(o *ir.Options) *ir.Duration { return &o.BodyTimeout }),
	duration("write-timeout", func(o *ir.Options) *ir.Duration { return &o.WriteTimeout }),
	duration("relay-idle-timeout", func(o *ir.Options) *ir.Duration { return &o.RelayIdleTimeout }),
	duration("session-idle-timeout", func(o *ir.Options) *ir.Duration { return &o.SessionIdleTimeout }),
	number("max-header-bytes", 1, func(o *ir.Options) *uint32 { return &o.MaxHeaderBytes }),
	number("max-header-fields", 1, func(o *ir.Options) *uint32 { return &o.MaxHeaderFields }),
	number("max-body-bytes", 0, func(o *ir.Options) *uint64 { return &o.MaxBodyBytes }),
	choice("paths", func(o *ir.Options) *ir.PathPolicy { return &o.Paths }, ir.PathReject, ir.PathNormalise, ir.PathKeep),
	choice("underscore-headers", func(o *ir.Options) *ir.HeaderPolicy { return &o.UnderscoreHeaders }, ir.HeaderDrop, ir.HeaderReject, ir.HeaderAllow),
	number("trusted-hops", 0, func(o *ir.Options) *uint32 { return &o.TrustedHops }),
	{"trusted-proxies", "IP addresses and networks, separated by commas", setTrustedProxies},
	choice("access-log", func(o *ir.Options) *string { return &o.AccessLog }, "on", "off"),
}

// foreignAnnotations have the same prefix and are for whoever deploys proxies.
var foreignAnnotations = []string{
	"cpu", "cpu-limit", "memory", "memory-limit", "replicas", "enable-pod-disruption-budget",
	"auto-scaling", "auto-scaling-min-replicas", "auto-scaling-max-replicas",
	"auto-scaling-target-cpu-utilization-percentage", "auto-scaling-target-memory-utilization-percentage",
	"service-type", "external-traffic-policy", "log-level", "node-selector", "tolerations", "affinity", "service-annotations",
}

func boolean(name string, field func(*ir.Options) *bool) option {
	return option{name, "true or false", func(o *ir.Options, s string) bool {
		*field(o) = s == "true"
		return s == "true" || s == "false"
	}}
}

func number[T uint32 | uint64](name string, least T, field func(*ir.Options) *T) option {
	most := ^T(0)
	return option{name, fmt.Sprintf("a number from %d to %d", least, most), func(o *ir.Options, s string) bool {
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil || v < uint64(least) || v > uint64(most) {
			return false
		}
		*field(o) = T(v)
		return true
	}}
}

func duration(name string, field func(*ir.Options) *ir.Duration) option {
	return option{name, `a duration such as "30s" or "5m"`, func(o *ir.Options, s string) bool {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return false
		}
		*field(o) = ir.Duration(d)
		return true
	}}
}

func choice[T ~string](name string, field func(*ir.Options) *T, values ...T) option {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return option{name, "one of " + strings.Join(words, ", "), func(o *ir.Options, s string) bool {
		if !slices.Contains(values, T(s)) {
			return false
		}
		*field(o) = T(s)
		return true
	}}
}

func setTrustedProxies(o *ir.Options, s string) bool {
	var networks []string
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		prefix, err := netip.ParsePrefix(item)
		if ip, ipErr := netip.ParseAddr(item); ipErr == nil && ip.Zone() == "" {
			prefix, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return false
		}
		networks = append(networks, prefix.Masked().String())
	}
	o.TrustedProxies = networks
	return true
}

// tuning is what the annotations of a Gateway say.
type tuning struct {
	// all are the settings for every listener, one those for a single one.
	all []setting
	one map[string][]setting
	// invalid and unknown are for the user.
	invalid, unknown []string
}

type setting struct {
	option option
	value  string
}

func readOptions(g *gatewayv1.Gateway) tuning {
	t := tuning{one: map[string][]setting{}}
	for _, key := range slices.Sorted(maps.Keys(g.Annotations)) {
		name, ok := strings.CutPrefix(key, annotationPrefix)
		if !ok || slices.Contains(foreignAnnotations, name) {
			continue
		}
		name, listener, single := strings.Cut(name, ".")
		i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
		if i < 0 {
			t.unknown = append(t.unknown, fmt.Sprintf("annotation %s is not known", key))
			continue
		}
		if single && !slices.ContainsFunc(g.Spec.Listeners, func(l gatewayv1.Listener) bool { return string(l.Name) == listener }) {
			t.unknown = append(t.unknown, fmt.Sprintf("annotation %s: there is no listener %q", key, listener))
			continue
		}
		s := setting{options[i], g.Annotations[key]}
		switch {
		case !s.option.set(new(ir.Options), s.value):
			t.invalid = append(t.invalid, fmt.Sprintf("annotation %s: %q is not allowed, want %s", key, s.value, s.option.want))
		case single:
			t.one[listener] = append(t.one[listener], s)
		default:
			t.all = append(t.all, s)
		}
	}
	return t
}

// forListener are the options of a listener; nil when they are the defaults. What
// is said for one listener beats what is said for all.
func (t tuning) forListener(s *listenerSpec) *ir.Options {
	settings := slices.Clone(t.all)
	if s.owner.key.Kind == "Gateway" {
		settings = append(settings, t.one[string(s.Name)]...)
	}
	if len(settings) == 0 {
		return nil
	}
	o := new(ir.Options)
	for _, s := range settings {
		s.option.set(o, s.value)
	}
	return o
}

// warnAboutOptions names annotations without effect: unknown ones, and options
// of a listener that shares its socket with an earlier one.
func (g *gateway) warnAboutOptions(t tuning) {
	for _, message := range t.unknown {
		g.warn(g.key, message)
	}
	for i, l := range g.listeners {
		if !l.serves {
			continue
		}
		for _, first := range g.listeners[:i] {
			if first.serves && first.Port == l.Port && (first.Protocol == gatewayv1.UDPProtocolType) == (l.Protocol == gatewayv1.UDPProtocolType) {
				if !reflect.DeepEqual(first.options.Resolve(), l.options.Resolve()) {
					g.warn(l.owner.key, fmt.Sprintf("listener %q shares port %d with listener %q, whose options hold for both", l.Name, l.Port, first.Name))
				}
				break
			}
		}
	}
}
