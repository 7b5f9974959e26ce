package peer

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"fsm/internal/ir"
	"fsm/test/bench/internal/load"
)

// fsm is fsm-proxy as it comes: metrics on, access log off unless asked for.
func (l *Lab) fsm(p *Peer, site Site) (command, error) {
	dir, err := l.directory(string(FSM))
	if err != nil {
		return command{}, err
	}
	if p.Admin, err = l.address(); err != nil {
		return command{}, err
	}
	s, err := snapshot(site, p.Target.Addr, l.cert)
	if err != nil {
		return command{}, err
	}
	data, err := ir.MarshalSecrets(s)
	if err != nil {
		return command{}, err
	}
	config := filepath.Join(dir, "snapshot.json")
	if err := os.WriteFile(config, data, 0o600); err != nil {
		return command{}, fmt.Errorf("write snapshot: %w", err)
	}
	accessLog := "off"
	if site.AccessLog {
		p.accessLog = filepath.Join(dir, "access.log")
		accessLog = p.accessLog
	}
	return command{
		name: string(FSM), path: l.Programs.FSM, dir: dir, config: config,
		args: []string{"gateway", "--snapshot", config, "--admin", p.Admin, "--access-log", accessLog},
	}, nil
}

// Names of the resources that there is one of.
const (
	tableName  = "bench/gateway/all"
	secretName = "Secret/bench/cert"
	// limiterName is that of the rate limit, which has room for everybody.
	limiterName = "RateLimitPolicy bench/limit"
)

// enough requests for any second.
const enough = 1 << 30

// SessionCookie is the name of the cookie of a site with policies.
const SessionCookie = "_srv_id"

// snapshot is the site as our proxy is told it.
func snapshot(site Site, listen string, cert *certificate) (*ir.Snapshot, error) {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return nil, fmt.Errorf("make snapshot: %w", err)
	}
	to, err := netip.ParseAddrPort(site.Backend)
	if err != nil {
		return nil, fmt.Errorf("make snapshot: %w", err)
	}
	s := &ir.Snapshot{
		Tables: map[ir.TableName]*ir.RouteTable{}, Backends: map[ir.BackendName]*ir.Backend{},
		Endpoints: map[ir.EndpointsName]*ir.Endpoints{}, Secrets: map[ir.SecretName]*ir.Secret{},
		Limiters: map[ir.LimiterName]*ir.Limiter{},
	}
	if site.Policies {
		s.Limiters[limiterName] = &ir.Limiter{
			Name: limiterName, Origin: ir.Origin{Kind: "RateLimitPolicy", Namespace: "bench", Name: "limit"},
			Requests: enough, Burst: enough, Backlog: 1, Window: ir.Duration(time.Second),
		}
	}
	addBackend(s, site, 0, to)
	origin := ir.Origin{Kind: "Gateway", Namespace: "bench", Name: "gateway", Part: "listener main"}
	chain := &ir.Chain{Name: string(site.Protocol), Origin: origin}
	switch site.Protocol {
	case TCP:
		chain.Relay = &ir.RelayChain{Route: &ir.RelayRoute{
			Origin:       ir.Origin{Kind: "TCPRoute", Namespace: "bench", Name: "route", Part: "rule 0"},
			Destinations: destination(site, 0),
		}}
	default:
		s.Tables[tableName] = &ir.RouteTable{Name: tableName, Routes: routes(s, site, to)}
		chain.HTTP = &ir.HTTPChain{VirtualHosts: []ir.VirtualHost{{Origin: origin, Hosts: []ir.Host{{Table: tableName}}}}}
	}
	if site.Protocol.Secure() {
		alpn := "http/1.1"
		if site.Protocol.Multiplexed() {
			alpn = "h2"
		}
		chain.Match.TLS = true
		chain.TLS = &ir.ServerTLS{Certificates: []ir.SecretName{secretName}, ALPN: []string{alpn}}
		s.Secrets[secretName] = &ir.Secret{Name: secretName, Certificate: cert.cert, Key: ir.Private(cert.key)}
	}
	s.Listeners = []*ir.Listener{{
		Name: ir.ListenerName("tcp/" + listen), Network: ir.TCP, Address: at.Addr().String(), Port: at.Port(),
		Origins: []ir.Origin{origin}, Chains: []*ir.Chain{chain},
	}}
	s.Seal()
	return s, nil
}

// routes makes the routes, and the backends that they lead to.
func routes(s *ir.Snapshot, site Site, to netip.AddrPort) []*ir.Route {
	list := make([]*ir.Route, site.Routes)
	for i := range list {
		addBackend(s, site, i, to)
		list[i] = &ir.Route{
			Origin:  ir.Origin{Kind: "HTTPRoute", Namespace: "bench", Name: "route-" + strconv.Itoa(i), Part: "rule 0"},
			Match:   ir.Match{Path: path(site, i)},
			Filters: append(policies(site), &ir.RequestHeaders{Set: []ir.HeaderField{{Name: header, Value: headerValue}}}),
			Action:  &ir.Forward{Destinations: destination(site, i)},
		}
	}
	return list
}

// policies are the filters of a site with policies. Nobody is refused.
func policies(site Site) ir.Filters {
	if !site.Policies {
		return nil
	}
	var networks []netip.Prefix
	for _, network := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "2001:db8::/32", "127.0.0.0/8"} {
		networks = append(networks, netip.MustParsePrefix(network))
	}
	return ir.Filters{
		&ir.AccessControl{
			Policy:      ir.Origin{Kind: "AccessControlPolicy", Namespace: "bench", Name: "access"},
			AddressRule: ir.AddressRule{Allow: networks}, Status: 403,
		},
		&ir.RateLimit{Limiter: limiterName, Status: 429},
	}
}

func path(site Site, route int) ir.PathMatch {
	if site.Regex {
		return ir.PathMatch{Kind: ir.PathRegex, Value: load.RoutePrefix(route) + "(/.*)?"}
	}
	return ir.PathMatch{Kind: ir.PathPrefix, Value: load.RoutePrefix(route)}
}

func destination(site Site, route int) []ir.Destination {
	return []ir.Destination{{Backend: ir.BackendName(backendName(site, route)), Weight: 1}}
}

// backendName is that of the route's Service, which may be the one of all routes.
func backendName(site Site, route int) string {
	if !site.Services {
		route = 0
	}
	return "local/bench/service-" + strconv.Itoa(route) + ":80"
}

func addBackend(s *ir.Snapshot, site Site, route int, to netip.AddrPort) {
	name := backendName(site, route)
	b, e := ir.BackendName(name), ir.EndpointsName(name)
	origin := ir.Origin{Kind: "Service", Namespace: "bench", Name: name}
	s.Backends[b] = &ir.Backend{Name: b, Origin: origin, Endpoints: e}
	if site.BackendH2C {
		s.Backends[b].Protocol = ir.BackendH2C
	}
	if site.Policies {
		s.Backends[b].Session = &ir.Session{Cookie: SessionCookie, Lifetime: ir.Duration(time.Hour)}
	}
	s.Endpoints[e] = &ir.Endpoints{Name: e, Origin: origin, Items: []ir.Endpoint{{Address: to.Addr().String(), Port: to.Port()}}}
}
