package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/listen"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/route"
	"fsm/internal/proxy/stack"
)

// walk follows a request through a snapshot, in the order in which the proxy
// looks at it: listen.settings.open, http1.ServerConn, and the layers of
// stack.gatewayHTTP.
type walk struct {
	snapshot *ir.Snapshot
	request  *request
	object   func(ir.Origin) Object
	// local tells that clients may be on the machine of the proxy, where no Service
	// stands before it.
	local bool
	out   Explanation

	x       *message.Exchange
	options ir.Options
	// listener, host and route are as far as the request came.
	listener *ir.Listener
	host     *ir.VirtualHost
	route    *ir.Route
	// original is the request as it was matched, before filters.
	original *message.Request
	// origins are the objects concerned, in order.
	origins []ir.Origin
}

func (w *walk) run() error {
	if err := w.findListener(); err != nil || w.listener == nil || w.out.Answer.From != "" {
		return err
	}
	w.options = w.listener.Options.Resolve()
	chain := w.findChain()
	if chain == nil {
		return nil
	}
	w.concern(chain.Origin)
	if chain.Relay != nil {
		w.relay(chain.Relay.Route)
		return nil
	}
	if !w.readHead(chain) || !w.findHost(chain) || !w.findRoute() {
		return nil
	}
	w.serve()
	return nil
}

func (w *walk) concern(o ir.Origin) {
	if !slices.Contains(w.origins, o) {
		w.origins = append(w.origins, o)
	}
}

// closed is a connection that gets no answer.
func (w *walk) closed(reason, format string, args ...any) {
	w.out.Answer = Answer{From: FromNobody, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// findListener finds the socket that the client connects to.
func (w *walk) findListener() error {
	found := w.listenersAt((*ir.Listener).AdvertisedPort)
	if len(found) == 0 && w.local {
		// Whoever asks on the machine itself uses the port that is listened on.
		found = w.listenersAt(func(l *ir.Listener) uint16 { return l.Port })
	}
	if len(found) == 0 {
		w.closed("", "nothing listens on %s; there is %s", w.request.address(), w.sockets())
		return nil
	}
	for _, l := range found[1:] {
		if !slices.Equal(l.Origins, found[0].Origins) {
			return fmt.Errorf("several Gateways can be meant by %s: %s; choose one with --gateway, or by its address",
				w.request.address(), describe(found))
		}
	}
	w.listener = found[0]
	l := &Listener{Socket: string(w.listener.Name)}
	for _, o := range w.listener.Origins {
		l.Objects = append(l.Objects, w.object(o))
		w.concern(o)
	}
	w.out.Listener = l
	w.guard(l)
	return nil
}

// listenersAt are those that the request reaches, by one of their ports.
func (w *walk) listenersAt(port func(*ir.Listener) uint16) []*ir.Listener {
	var found []*ir.Listener
	for _, l := range w.snapshot.Listeners {
		if l.Network == ir.TCP && port(l) == w.request.port && w.request.reaches(l.Address) {
			found = append(found, l)
		}
	}
	return found
}

// guard asks what the listener demands of connections.
func (w *walk) guard(l *Listener) {
	g := w.listener.Guard
	if g == nil {
		return
	}
	l.Guard = g.String()
	if g.Rate != nil {
		w.concern(g.Rate.Policy)
	}
	if g.Access == nil {
		return
	}
	w.concern(g.Access.Policy)
	if !g.Access.Admits(w.request.client) {
		w.closed(listen.ReasonAccessDenied, "%s does not admit clients with the address %s", g.Access.Policy, w.request.client)
	}
}

func (w *walk) sockets() string {
	if len(w.snapshot.Listeners) == 0 {
		return "no listener at all"
	}
	return describe(w.snapshot.Listeners)
}

func describe(listeners []*ir.Listener) string {
	words := make([]string, len(listeners))
	for i, l := range listeners {
		seen := ""
		if port := l.AdvertisedPort(); port != l.Port {
			seen = fmt.Sprintf(", which clients reach at port %d", port)
		}
		words[i] = fmt.Sprintf("%s (%s%s)", l.Name, l.Origins[0], seen)
	}
	return strings.Join(words, ", ")
}

// findChain finds the chain of the listener that serves the connection.
func (w *walk) findChain() *ir.Chain {
	var names []string
	var secure []*ir.Chain
	var plain *ir.Chain
	for _, c := range w.listener.Chains {
		if c.Match.TLS {
			names, secure = append(names, c.Match.ServerName), append(secure, c)
		} else {
			plain = c
		}
	}
	var chain *ir.Chain
	switch {
	case len(secure) == 0 && plain == nil:
		w.closed(listen.ReasonNotTLS, "no route is attached to the listener")
	case len(secure) == 0 && plain.HTTP != nil && w.request.secure:
		w.out.Answer = Answer{
			From: FromProxy, Status: 400, Reason: http1.ReasonBadRequestLine,
			Message: "the listener speaks plain HTTP, and a TLS handshake is no request; use http://",
		}
	case len(secure) == 0:
		chain = plain
	case !w.request.secure:
		w.closed(listen.ReasonNotTLS, "the listener wants TLS; use https://")
	default:
		found := route.MakeHosts(names, secure).Lookup([]byte(w.request.serverName))
		if len(found) == 0 {
			w.closed(listen.ReasonNoServerName, "no listener has the server name %q; there are: %s", w.request.serverName, strings.Join(names, ", "))
			return nil
		}
		chain = found[0]
	}
	if chain != nil {
		w.describeChain(chain)
	}
	return chain
}

func (w *walk) describeChain(c *ir.Chain) {
	l := w.out.Listener
	switch {
	case c.HTTP != nil && c.TLS != nil:
		l.Protocol = "HTTPS"
	case c.HTTP != nil:
		l.Protocol = "HTTP"
	case c.TLS != nil:
		l.Protocol = "TLS, terminated"
	case c.Match.TLS:
		l.Protocol = "TLS, passed through"
	default:
		l.Protocol = "TCP"
	}
	if c.Match.TLS {
		l.ServerName = orAny(c.Match.ServerName)
	}
	if c.TLS == nil {
		return
	}
	for _, name := range c.TLS.Certificates {
		l.Certificates = append(l.Certificates, string(name))
	}
	if c.TLS.Clients != nil {
		l.ClientCertificate = "required"
		if c.TLS.Clients.Optional {
			l.ClientCertificate = "optional"
		}
	}
}

func orAny(hostname string) string {
	if hostname == "" {
		return "*"
	}
	return hostname
}

// readHead has the proxy's codec read the request.
func (w *walk) readHead(c *ir.Chain) bool {
	client := netip.AddrPortFrom(w.request.client, 0)
	*w.x.Connection = message.Connection{
		Remote: client, RemoteText: []byte(client.Addr().String()),
		Port: w.listener.AdvertisedPort(), Secure: c.TLS != nil,
	}
	config := stack.ServerConfig(&w.options)
	var info http1.RequestInfo
	if n, refusal := http1.ParseRequest(w.request.head, &w.x.Request, &info, &config.Limits); refusal != nil {
		w.out.Answer = answerOf(refusal)
		return false
	} else if n == 0 {
		w.closed(http1.ReasonRequestTimeout, "the request head is not complete")
		return false
	}
	if err := stack.Identify(w.x, &w.options); err != nil {
		w.closed("", "the listener's options cannot be used: %v", err)
		return false
	}
	w.original = copyRequest(&w.x.Request)
	return true
}

// answerOf is a reply of the proxy as a client sees it.
func answerOf(r *message.Reply) Answer {
	a := Answer{From: FromProxy, Status: r.Status, Reason: r.Reason, grpc: r.GRPCStatus}
	if r.Status == 0 {
		a.From = FromNobody
	}
	if r.Cause != nil {
		a.Message = r.Cause.Error()
	}
	for _, f := range r.Header {
		a.Headers = append(a.Headers, string(f.Name)+": "+string(f.Value))
	}
	return a
}

func copyRequest(r *message.Request) *message.Request {
	c := *r
	c.Header = message.Header{}
	c.Header.CopyFrom(&r.Header)
	return &c
}

func (w *walk) refuse(status int, reason, format string, args ...any) {
	w.out.Answer = Answer{From: FromProxy, Status: status, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// findHost finds the Gateway listener that owns the Host of the request.
func (w *walk) findHost(c *ir.Chain) bool {
	authority := w.x.Request.Authority
	var names []string
	var hosts []*ir.VirtualHost
	for i := range c.HTTP.VirtualHosts {
		names = append(names, c.HTTP.VirtualHosts[i].Hostname)
		hosts = append(hosts, &c.HTTP.VirtualHosts[i])
	}
	found := route.MakeHosts(names, hosts).Lookup(authority)
	if c.Match.TLS {
		owners := route.MakeHosts(append(names, c.HTTP.Elsewhere...), append(hosts, make([]*ir.VirtualHost, len(c.HTTP.Elsewhere))...))
		if owner := owners.Lookup(authority); len(found) == 0 || owner[0] == nil {
			w.refuse(421, stack.ReasonMisdirected, "host %s belongs to another listener than the server name %q of the TLS handshake; ask for both in one connection",
				authority, w.request.serverName)
			return false
		}
	}
	if len(found) == 0 {
		w.refuse(404, stack.ReasonNoHost, "no listener of the port has host %s; there are: %s", authority, strings.Join(names, ", "))
		return false
	}
	w.host = found[0]
	w.concern(w.host.Origin)
	w.out.Host = &Host{Name: string(authority), Hostname: orAny(w.host.Hostname), Object: w.object(w.host.Origin)}
	return true
}

// hostTable is a route table of a host.
type hostTable struct {
	hostname string
	table    *ir.RouteTable
}

// tables are those of a virtual host that cover an authority, most specific
// first.
func tables(v *ir.VirtualHost, s *ir.Snapshot, authority []byte) []hostTable {
	var names []string
	var all []hostTable
	for _, h := range v.Hosts {
		if t := s.Tables[h.Table]; t != nil {
			names, all = append(names, h.Hostname), append(all, hostTable{h.Hostname, t})
		}
	}
	return route.MakeHosts(names, all).Lookup(authority)
}

// findRoute looks through the tables of the host.
func (w *walk) findRoute() bool {
	found := tables(w.host, w.snapshot, w.x.Request.Authority)
	for _, t := range found {
		compiled, err := route.Compile(t.table.Routes)
		if err != nil {
			w.closed("", "the routes of hostname %s cannot be used: %v", orAny(t.hostname), err)
			return false
		}
		index, prefix := compiled.Match(&w.x.Request)
		looked := Table{Hostname: orAny(t.hostname)}
		for i, r := range t.table.Routes {
			looked.Routes = append(looked.Routes, Candidate{
				Object: w.object(r.Origin), Match: ir.FormatMatch(r.Match), Why: compiled.Why(i, &w.x.Request),
			})
			if i == index {
				break
			}
		}
		w.out.Tables = append(w.out.Tables, looked)
		if index >= 0 {
			w.route, w.x.Prefix = t.table.Routes[index], prefix
			w.concern(w.route.Origin)
			return true
		}
	}
	if len(found) == 0 {
		w.refuse(404, stack.ReasonNoRoute, "no route of the listener has host %s", w.x.Request.Authority)
		return false
	}
	w.refuse(404, stack.ReasonNoRoute, "no route of host %s matches", w.x.Request.Authority)
	return false
}
