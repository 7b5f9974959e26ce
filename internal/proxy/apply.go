package proxy

import (
	"maps"
	"net"
	"slices"

	"fsm/internal/ir"
	"fsm/internal/proxy/listen"
	"fsm/internal/proxy/relay"
	"fsm/internal/proxy/stack"
)

// chainKey tells chains apart, over all snapshots.
type chainKey struct {
	listener ir.ListenerName
	chain    string
}

// chain is what serves the connections of a chain: one of the three.
type chain struct {
	http *stack.HTTP
	tcp  *relay.TCP
	udp  *relay.UDP
	tls  chainTLS
}

// Apply puts a snapshot into force. The snapshot must be sealed.
func (p *Proxy) Apply(s *ir.Snapshot) ir.Ack {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := build{proxy: p, snapshot: s, generation: &stack.Generation{}, used: map[chainKey]bool{}}

	p.limits.Update(s)
	b.failures = append(b.failures, p.upstream.Update(s)...)
	b.compileTables()
	configs := b.compileListeners()

	p.env.Current.Store(b.generation) // in force
	b.failures = append(b.failures, p.sockets.Apply(configs)...)
	p.tables = b.tables
	p.upstream.Retire()
	p.dropChains(&b)
	p.snapshot.Store(s)
	p.stats.Apply(s.Version, len(b.failures))
	for _, f := range b.failures {
		p.log.Warn("resource not put to work", "resource", f.Resource, "reason", f.Reason, "message", f.Message)
	}
	return ir.Ack{Version: s.Version, Failures: b.failures}
}

// build is a snapshot on its way into force.
type build struct {
	proxy      *Proxy
	snapshot   *ir.Snapshot
	generation *stack.Generation
	tables     map[ir.TableName]*stack.Table
	used       map[chainKey]bool
	failures   []ir.Failure
}

// compileTables compiles the tables that changed and keeps the others. A table
// that cannot be compiled stays as it was; if there is no such, its host has no
// routes.
func (b *build) compileTables() {
	b.tables = make(map[ir.TableName]*stack.Table, len(b.snapshot.Tables))
	for _, name := range slices.Sorted(maps.Keys(b.snapshot.Tables)) {
		t, old := b.snapshot.Tables[name], b.proxy.tables[name]
		if old != nil && old.Hash == t.Hash() {
			b.tables[name] = old
			continue
		}
		compiled, err := stack.CompileTable(t, old, &b.proxy.env)
		if err != nil {
			b.fail(ir.Failure{Resource: string(name), Origins: originsOf(t), Reason: "InvalidRoute", Message: err.Error()})
			compiled = old
		}
		if compiled != nil {
			b.tables[name] = compiled
		}
	}
}

func originsOf(t *ir.RouteTable) []ir.Origin {
	var origins []ir.Origin
	for _, r := range t.Routes {
		if o := r.Origin.Object(); !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

func (b *build) fail(f ir.Failure) { b.failures = append(b.failures, f) }

// compileListeners makes the sockets' configurations and puts the chains into
// the generation.
func (b *build) compileListeners() []listen.Config {
	var configs []listen.Config
	for _, l := range b.snapshot.Listeners {
		c := listen.Config{Listener: l, Options: l.Options.Resolve()}
		for _, ch := range l.Chains {
			if l.Network == ir.UDP {
				c.Packets = b.udp(l, ch, &c.Options)
				break
			}
			if compiled, ok := b.chain(l, ch, &c.Options); ok {
				c.Chains = append(c.Chains, compiled)
			}
		}
		if l.Network == ir.UDP && c.Packets == nil {
			continue // no route yet: nothing could be done with a datagram
		}
		configs = append(configs, c)
	}
	return configs
}

// chain compiles one chain. ok is false when it cannot serve.
func (b *build) chain(l *ir.Listener, ch *ir.Chain, o *ir.Options) (compiled listen.Chain, ok bool) {
	c := b.find(chainKey{l.Name, ch.Name})
	compiled = listen.Chain{Name: ch.Name, Match: ch.Match}
	if ch.TLS != nil {
		cfg, err := c.tls.config(ch.TLS, b.snapshot.Secrets)
		if err != nil {
			b.fail(ir.Failure{
				Resource: string(l.Name) + " " + ch.Name, Origins: []ir.Origin{ch.Origin},
				Reason: "InvalidCertificate", Message: err.Error(),
			})
		}
		if cfg == nil {
			return compiled, false
		}
		compiled.TLS = cfg
	}
	if ch.Relay != nil {
		if c.tcp == nil {
			c.tcp = relay.NewTCP(&b.proxy.relays, b.proxy.keeper)
		}
		c.tcp.Set(ch, o)
		compiled.Serve = c.tcp.Serve
		return compiled, true
	}
	if c.http == nil {
		c.http = stack.NewHTTP(&b.proxy.env, b.proxy.slots)
		b.proxy.slots++
	}
	err := c.http.Compile(stack.Settings{Chain: ch, Options: *o, Tables: b.tables}, b.generation)
	if err != nil {
		b.fail(ir.Failure{
			Resource: string(l.Name) + " " + ch.Name, Origins: []ir.Origin{ch.Origin},
			Reason: "InvalidOptions", Message: err.Error(),
		})
		return compiled, false
	}
	compiled.Serve = serveHTTP(c.http)
	return compiled, true
}

// udp makes the relay of a UDP socket. There is one for the socket, whichever
// chain it has.
func (b *build) udp(l *ir.Listener, ch *ir.Chain, o *ir.Options) func(*net.UDPConn) {
	p, key := b.proxy, chainKey{listener: l.Name}
	c := b.find(key)
	if c.udp == nil {
		c.udp = relay.NewUDP(&p.relays, p.stats.Socket(string(l.Name)))
		p.udpMu.Lock()
		p.udps[key] = c.udp
		p.udpMu.Unlock()
	}
	c.udp.Guard(l.Guard)
	c.udp.Set(ch, o)
	return c.udp.Serve
}

// find is the chain of that name, of this or an earlier snapshot.
func (b *build) find(key chainKey) *chain {
	b.used[key] = true
	c := b.proxy.chains[key]
	if c == nil {
		c = &chain{}
		b.proxy.chains[key] = c
	}
	return c
}

// dropChains forgets chains that are gone. Their connections finish by
// themselves.
func (p *Proxy) dropChains(b *build) {
	for key := range p.chains {
		if b.used[key] {
			continue
		}
		delete(p.chains, key)
		p.udpMu.Lock()
		delete(p.udps, key)
		p.udpMu.Unlock()
	}
}

// sweepUDP ends idle sessions.
func (p *Proxy) sweepUDP(now int64) {
	p.udpMu.Lock()
	defer p.udpMu.Unlock()
	for _, u := range p.udps {
		u.Sweep(now)
	}
}
