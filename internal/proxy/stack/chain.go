package stack

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/route"
	"fsm/internal/proxy/telemetry"
)

// Generation is one version of the configuration of all chains, compiled. It
// comes into force as a whole, with the store of one pointer; a request keeps
// the one it began with.
type Generation struct{ http []*httpConfig }

// HTTP is the HTTP side of a chain. It outlives generations: connections stay
// with it, and each request looks up the generation in force.
type HTTP struct {
	env  *Env
	path handler
	slot int // in Generation.http
	// last is for connections that outlive what the generations have of the chain.
	last atomic.Pointer[httpConfig]
}

// httpConfig is what a snapshot says about a chain.
type httpConfig struct {
	server http1.ServerConfig
	trust  trust
	hosts  *route.Hosts[*virtualHost]
	// elsewhere tells the own hostnames (true) from those of other listeners of
	// the port; nil where connections are not chosen by server name.
	elsewhere *route.Hosts[bool]
	// none is the listener that requests without one are counted for.
	none *virtualHost
}

// virtualHost is the HTTP side of one Gateway listener.
type virtualHost struct {
	name   string
	stats  *telemetry.ListenerStats
	log    *telemetry.AccessLog // nil when not logged
	tables *route.Hosts[*Table]
}

// NewHTTP makes the HTTP side of a chain. slot tells the chains of a proxy apart.
func NewHTTP(env *Env, slot int) *HTTP {
	return &HTTP{env: env, path: gatewayHTTP(env), slot: slot}
}

// Settings are what a chain is made of.
type Settings struct {
	Chain   *ir.Chain
	Options ir.Options // resolved
	Tables  map[ir.TableName]*Table
}

// Compile puts the chain's configuration into a generation that is being built.
func (h *HTTP) Compile(s Settings, g *Generation) error {
	c := &httpConfig{server: ServerConfig(&s.Options)}
	var err error
	if c.trust, err = compileTrust(&s.Options); err != nil {
		return err
	}
	var names []string
	var hosts []*virtualHost
	for _, v := range s.Chain.HTTP.VirtualHosts {
		names = append(names, v.Hostname)
		hosts = append(hosts, h.virtualHost(v, &s))
	}
	c.hosts = route.MakeHosts(names, hosts)
	if s.Chain.Match.TLS {
		owner := make([]bool, len(names))
		for i := range owner {
			owner[i] = true
		}
		names = append(names, s.Chain.HTTP.Elsewhere...)
		c.elsewhere = route.MakeHosts(names, append(owner, make([]bool, len(s.Chain.HTTP.Elsewhere))...))
	}
	c.none = &virtualHost{name: s.Chain.Origin.String(), stats: h.env.Stats.Listener(s.Chain.Origin.String())}
	if len(hosts) > 0 {
		c.none = &virtualHost{name: hosts[0].name, stats: hosts[0].stats, log: hosts[0].log}
	}
	g.put(h, c)
	h.last.Store(c)
	return nil
}

// put sets the configuration of a chain.
func (g *Generation) put(h *HTTP, c *httpConfig) {
	for len(g.http) <= h.slot {
		g.http = append(g.http, nil)
	}
	g.http[h.slot] = c
}

// config is the configuration in force; of a chain that is gone, or could not be made
// ready again, the one that it had last.
func (h *HTTP) config() *httpConfig {
	if g := h.env.Current.Load(); h.slot < len(g.http) && g.http[h.slot] != nil {
		return g.http[h.slot]
	}
	return h.last.Load()
}

func (h *HTTP) virtualHost(v ir.VirtualHost, s *Settings) *virtualHost {
	host := &virtualHost{name: v.Origin.String(), stats: h.env.Stats.Listener(v.Origin.String())}
	if s.Options.AccessLog == "on" || s.Options.AccessLog == "" && h.env.LogByDefault {
		host.log = h.env.Log
	}
	var names []string
	var tables []*Table
	for _, entry := range v.Hosts {
		if t := s.Tables[entry.Table]; t != nil {
			names = append(names, entry.Hostname)
			tables = append(tables, t)
		}
	}
	host.tables = route.MakeHosts(names, tables)
	return host
}

// ServerConfig is what resolved options mean to the codec.
func ServerConfig(o *ir.Options) http1.ServerConfig {
	c := http1.ServerConfig{
		Limits:        http1.Limits{Bytes: int(o.MaxHeaderBytes), Fields: int(o.MaxHeaderFields)},
		HeaderTimeout: time.Duration(o.HeaderTimeout),
		IdleTimeout:   time.Duration(o.IdleTimeout),
		BodyTimeout:   time.Duration(o.BodyTimeout),
		TunnelTimeout: time.Duration(o.RelayIdleTimeout),
		MaxBody:       int64(o.MaxBodyBytes),
	}
	switch o.UnderscoreHeaders {
	case ir.HeaderAllow:
		c.Limits.Underscores = http1.AllowUnderscores
	case ir.HeaderReject:
		c.Limits.Underscores = http1.RejectUnderscores
	}
	switch o.Paths {
	case ir.PathKeep:
		c.Limits.Paths = http1.KeepDotSegments
	case ir.PathNormalise:
		c.Limits.Paths = http1.NormalisePaths
	}
	return c
}

func compileTrust(o *ir.Options) (trust, error) {
	t := trust{hops: int(o.TrustedHops)}
	for _, text := range o.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err2 := netip.ParseAddr(text)
			if err2 != nil {
				return t, fmt.Errorf("trusted proxy: %w", err)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		t.proxies = append(t.proxies, prefix.Masked())
	}
	return t, nil
}

// Config implements http1.Handler.
func (h *HTTP) Config() *http1.ServerConfig { return &h.config().server }

// Begin implements http1.Handler.
func (h *HTTP) Begin() *message.Exchange { return &newExchange().Exchange }

// End implements http1.Handler.
func (h *HTTP) End(x *message.Exchange) { x.Owner.(*exchange).free() }

// Serve implements http1.Handler.
func (h *HTTP) Serve(m *message.Exchange) {
	x := h.enter(m)
	_ = h.path(x) // was counted and logged on its way up
	x.reset()
}

// Refuse implements http1.Handler: bytes that are no request take the same way
// out as requests that fail.
func (h *HTTP) Refuse(m *message.Exchange, err *message.Reply) {
	x := h.enter(m)
	x.Client = x.Connection.Remote.Addr()
	refused := layers(func(*exchange) error { return err }, observe(h.env), send(h.env), respond())
	_ = refused(x) // as above
	x.reset()
}

func (h *HTTP) enter(m *message.Exchange) *exchange {
	x := m.Owner.(*exchange)
	x.config = h.config()
	x.host = x.config.none
	return x
}
