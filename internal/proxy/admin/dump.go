package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"fsm/internal/ir"
)

const noSnapshot = "no snapshot was applied yet"

func (a *admin) configDump(w http.ResponseWriter, r *http.Request) {
	s := a.Proxy.Snapshot()
	if s == nil {
		http.Error(w, noSnapshot, http.StatusServiceUnavailable)
		return
	}
	switch format := r.URL.Query().Get("format"); format {
	case "":
		d, err := dumpOf(s, a.Level.Level())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		writeJSON(w, d)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, ir.Format(s))
	case "snapshot":
		data, err := ir.Marshal(s)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	default:
		http.Error(w, fmt.Sprintf("format %q: want text or snapshot, or none", format), http.StatusBadRequest)
	}
}

// dump has the members that tools of FSM know. They tell less than the snapshot,
// which is there as well: of routes that differ in headers or query only, the first
// one is shown.
type dump struct {
	Spec     dumpSpec
	Inbound  dumpInbound
	Snapshot json.RawMessage
}

type dumpSpec struct {
	SidecarLogLevel string
	Traffic         struct{ EnableEgress bool }
}

type dumpInbound struct {
	// TrafficMatches is by port, as clients see it.
	TrafficMatches map[string]*dumpPort
}

// dumpPort is what happens to the traffic of a port.
type dumpPort struct {
	Port                  uint16
	Protocol              string
	SourceIPRanges        []string
	HttpHostPort2Service  map[string]string               // host, with and without port, to the name of its table
	HttpServiceRouteRules map[string]map[string]*dumpRule // name of a table, expression for the path
	TargetClusters        map[string]uint32               // of a relay, by weight
	AllowedEndpoints      []string
}

type dumpRule struct {
	Headers         map[string]string
	Methods         []string
	TargetClusters  map[string]uint32
	AllowedServices []string
}

func dumpOf(s *ir.Snapshot, level slog.Level) (*dump, error) {
	text, err := ir.Marshal(s)
	if err != nil {
		return nil, err
	}
	d := &dump{Snapshot: text, Inbound: dumpInbound{TrafficMatches: map[string]*dumpPort{}}}
	d.Spec.SidecarLogLevel = strings.ToLower(level.String())
	for _, l := range s.Listeners {
		port := l.AdvertisedPort()
		p := &dumpPort{Port: port, Protocol: string(l.Network)}
		for _, c := range l.Chains {
			p.chain(s, c)
		}
		name := strconv.Itoa(int(port))
		if l.Network == ir.UDP { // may be open for TCP as well
			name += "/udp"
		}
		d.Inbound.TrafficMatches[name] = p
	}
	return d, nil
}

// chain adds what a chain of the listener does.
func (p *dumpPort) chain(s *ir.Snapshot, c *ir.Chain) {
	if c.Relay != nil {
		p.TargetClusters = targets(p.TargetClusters, c.Relay.Route.Destinations)
		return
	}
	if p.Protocol = "http"; c.TLS != nil {
		p.Protocol = "https"
	}
	if p.HttpHostPort2Service == nil {
		p.HttpHostPort2Service, p.HttpServiceRouteRules = map[string]string{}, map[string]map[string]*dumpRule{}
	}
	for _, v := range c.HTTP.VirtualHosts {
		for _, h := range v.Hosts {
			host := h.Hostname
			if host == "" {
				host = "*"
			}
			for _, name := range []string{host, host + ":" + strconv.Itoa(int(p.Port))} {
				if p.HttpHostPort2Service[name] == "" {
					p.HttpHostPort2Service[name] = string(h.Table)
				}
			}
			p.HttpServiceRouteRules[string(h.Table)] = dumpRules(s.Tables[h.Table])
		}
	}
}

func dumpRules(t *ir.RouteTable) map[string]*dumpRule {
	rules := map[string]*dumpRule{}
	if t == nil {
		return rules
	}
	for _, r := range t.Routes {
		path := pathExpression(r.Match.Path)
		if rules[path] != nil {
			continue
		}
		rule := &dumpRule{}
		if f, ok := r.Action.(*ir.Forward); ok {
			rule.TargetClusters = targets(nil, f.Destinations)
		}
		if r.Match.Method != "" {
			rule.Methods = []string{r.Match.Method}
		}
		for _, h := range r.Match.Headers {
			if rule.Headers == nil {
				rule.Headers = map[string]string{}
			}
			rule.Headers[h.Name] = h.Value
			if h.Kind != ir.ValueRegex {
				rule.Headers[h.Name] = regexp.QuoteMeta(h.Value)
			}
		}
		rules[path] = rule
	}
	return rules
}

func pathExpression(m ir.PathMatch) string {
	switch value := strings.TrimSuffix(m.Value, "/"); {
	case m.Kind == ir.PathRegex:
		return m.Value
	case m.Kind == ir.PathExact:
		return regexp.QuoteMeta(m.Value)
	case value == "":
		return ".*"
	default:
		return regexp.QuoteMeta(value) + "(/.*)?"
	}
}

// targets adds destinations by weight. Those that cannot be reached have no name.
func targets(into map[string]uint32, list []ir.Destination) map[string]uint32 {
	if into == nil {
		into = map[string]uint32{}
	}
	for _, d := range list {
		if d.Backend != "" {
			into[clusterName(d.Backend)] += d.Weight
		}
	}
	return into
}

// clusterName is "namespace/service|port" of a backend that is a Service of the own
// cluster, and its own name otherwise.
func clusterName(b ir.BackendName) string {
	name, ok := strings.CutPrefix(string(b), ir.LocalCluster+"/")
	i := strings.LastIndexByte(name, ':')
	if !ok || i < 0 {
		return string(b)
	}
	return name[:i] + "|" + name[i+1:]
}
