package explain

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/pki"
	"fsm/internal/proxy/upstream"
	"fsm/internal/translate/core"
)

// serve does what the route says.
func (w *walk) serve() {
	for _, f := range w.route.Filters {
		if by := policyOf(f); by != (ir.Origin{}) {
			w.concern(by)
		}
	}
	filters, reply := w.runFilters(w.route.Filters, w.x)
	w.out.Filters = filters
	if reply != nil {
		w.out.Answer = *reply
		return
	}
	switch a := w.route.Action.(type) {
	case *ir.Respond:
		message := a.Message
		if message == "" && a.Reason == core.ReasonNoBackends {
			message = "the rule has no backendRef with a weight above 0"
		}
		w.refuse(int(a.Status), a.Reason, "%s", message)
	case *ir.Forward:
		w.forward(a.Destinations)
	}
}

// relay is what happens to a connection whose bytes are not read.
func (w *walk) relay(r *ir.RelayRoute) {
	w.concern(r.Origin)
	w.out.Tables = []Table{{Hostname: orAny(r.ServerName), Routes: []Candidate{{Object: w.object(r.Origin), Match: "every connection"}}}}
	w.forward(r.Destinations)
	if w.out.Answer.From == FromBackend {
		w.out.Answer.Message = "bytes are relayed unread"
		return
	}
	// There is no HTTP to answer with: the connection is reset.
	w.out.Answer.From, w.out.Answer.Status = FromNobody, 0
}

// forward describes the destinations, and the answer if it is the same whichever
// has its turn.
func (w *walk) forward(destinations []ir.Destination) {
	var total uint64
	for _, d := range destinations {
		total += uint64(d.Weight)
	}
	if total == 0 {
		w.refuse(500, core.ReasonNoBackends, "no backend has a weight above 0")
		return
	}
	for _, d := range destinations {
		if d.Weight > 0 {
			w.out.Destinations = append(w.out.Destinations, w.destination(d, total))
		}
	}
	first := w.out.Destinations[0].Answer
	switch answered := func(d Destination) bool { return d.Answer != nil }; {
	case first != nil && !slices.ContainsFunc(w.out.Destinations, func(d Destination) bool { return !d.Answer.same(first) }):
		w.out.Answer = *first
	case slices.ContainsFunc(w.out.Destinations, answered):
		w.out.Answer = Answer{From: FromBackend, Message: "or, by turns, as said above"}
	default:
		w.out.Answer = Answer{From: FromBackend}
	}
}

func (w *walk) destination(d ir.Destination, total uint64) Destination {
	out := Destination{Weight: d.Weight, Of: total}
	if d.Failure != nil {
		out.Answer = answerOf(&message.Reply{Status: int(d.Failure.Status), Reason: d.Failure.Reason}).with(d.Failure.Message)
		return out
	}
	out.Backend = string(d.Backend)
	b := w.snapshot.Backends[d.Backend]
	if b == nil {
		out.Answer = &Answer{From: FromProxy, Status: 500, Reason: upstream.ReasonUnknown, Message: "the snapshot has no such backend"}
		return out
	}
	w.concern(b.Origin)
	for _, p := range b.Policies {
		w.concern(p)
	}
	out.Policies = ir.FormatPolicies(b)
	object := w.object(b.Origin)
	out.Object = &object
	if out.Filters, out.Answer = w.destinationFilters(&out, d.Filters); out.Answer != nil {
		return out
	}
	if b.TLS != nil {
		out.TLS = describeTLS(b.TLS)
	}
	if e := w.snapshot.Endpoints[b.Endpoints]; e != nil {
		for _, item := range e.Items {
			out.Endpoints = append(out.Endpoints, net.JoinHostPort(item.Address, strconv.Itoa(int(item.Port))))
		}
	}
	out.Answer = w.backendAnswer(b, len(out.Endpoints))
	return out
}

// backendAnswer is why a backend cannot be asked, as upstream.Registry has it.
func (w *walk) backendAnswer(b *ir.Backend, endpoints int) *Answer {
	if f := b.Failure; f != nil {
		return answerOf(&message.Reply{Status: int(f.Status), Reason: f.Reason}).with(f.Message)
	}
	if b.TLS != nil {
		if _, err := pki.ClientConfig(b.TLS, w.snapshot.Secrets); err != nil {
			return &Answer{From: FromProxy, Status: 503, Reason: upstream.ReasonTLS, Message: err.Error()}
		}
	}
	if endpoints == 0 {
		return &Answer{From: FromProxy, Status: 503, Reason: upstream.ReasonNoEndpoints, Message: fmt.Sprintf("%s has no endpoints that are ready", b.Origin)}
	}
	return nil
}

// same tells whether two answers look the same to a client.
func (a *Answer) same(b *Answer) bool {
	return a != nil && a.Status == b.Status && a.Reason == b.Reason
}

func (a Answer) with(message string) *Answer {
	a.Message = message
	return &a
}

// destinationFilters runs the filters of one destination over a copy of the
// request, since another may have its turn.
func (w *walk) destinationFilters(out *Destination, filters ir.Filters) ([]Filter, *Answer) {
	if w.original == nil {
		return nil, nil // a relay
	}
	x := newExchange()
	x.Connection, x.Client, x.Secure, x.Prefix = w.x.Connection, w.x.Client, w.x.Secure, w.x.Prefix
	x.Request = *copyRequest(&w.x.Request)
	effects, answer := w.runFilters(filters, x)
	r := &x.Request
	out.Sent = string(r.Method) + " " + pathAndQuery(r) + ", host " + string(r.Authority)
	return effects, answer
}

func pathAndQuery(r *message.Request) string {
	if r.Query == nil {
		return string(r.Path)
	}
	return string(r.Path) + "?" + string(r.Query)
}

func describeTLS(t *ir.BackendTLS) string {
	words := []string{"no server name"}
	if t.ServerName != "" {
		words[0] = "server name " + t.ServerName
	}
	if t.SkipVerification {
		words = append(words, "trusts any certificate")
	}
	for _, name := range t.Authorities {
		words = append(words, "trusts "+string(name))
	}
	if t.SystemAuthorities {
		words = append(words, "trusts the system's authorities")
	}
	for _, name := range t.SubjectAltNames {
		words = append(words, "wants "+name.DNS+name.URI)
	}
	if t.Certificate != "" {
		words = append(words, "shows "+string(t.Certificate))
	}
	return strings.Join(words, ", ")
}

// runFilters has the proxy's filters change the request, one by one, and an
// empty response on the way back. The answer is nil when they let the request
// through.
func (w *walk) runFilters(filters ir.Filters, x *message.Exchange) ([]Filter, *Answer) {
	var effects []Filter
	var applied []filter.Filter
	var answer *Answer
	for _, f := range filters {
		described := Filter{Filter: ir.FormatFilter(f)}
		env := &filter.Env{
			Dispatch: func(_ *message.Exchange, backend ir.BackendName) {
				described.Effects = append(described.Effects, "copy goes to "+string(backend))
			},
			Random:  func(uint32) uint32 { return 0 },
			Limiter: func(ir.LimiterName) filter.Limiter { return full{} },
			Clients: func(ir.LimiterName) filter.ClientLimiter { return full{} },
		}
		f, said := w.rehearse(f, x)
		described.Effects = append(described.Effects, said...)
		compiled, err := filter.New(ir.Filters{f}, env)
		if err != nil {
			return effects, &Answer{From: FromNobody, Message: err.Error()}
		}
		before := photograph(&x.Request)
		err = compiled[0].Request(x)
		described.Effects = append(described.Effects, before.differences(photograph(&x.Request))...)
		effects, applied = append(effects, described), append(applied, compiled...)
		var reply *message.Reply
		if errors.As(err, &reply) {
			a := answerOf(reply)
			answer = &a
			break
		}
	}
	for i, f := range slices.Backward(applied) {
		before := headerLines(&x.Response.Header)
		f.Response(x)
		for _, line := range added(before, headerLines(&x.Response.Header)) {
			effects[i].Effects = append(effects[i].Effects, "response gets "+line)
			if answer != nil {
				answer.Headers = append(answer.Headers, line)
			}
		}
	}
	return effects, answer
}

// photo is a request as it was at some moment.
type photo struct {
	host, path string
	lines      []string
}

func photograph(r *message.Request) photo {
	return photo{string(r.Authority), pathAndQuery(r), headerLines(&r.Header)}
}

func headerLines(h *message.Header) []string {
	var lines []string
	for _, f := range h.Fields() {
		if f.Name != nil {
			lines = append(lines, string(f.Name)+": "+string(f.Value))
		}
	}
	return lines
}

// differences says how a later photo differs.
func (p photo) differences(later photo) []string {
	var all []string
	if later.host != p.host {
		all = append(all, "host becomes "+later.host)
	}
	if later.path != p.path {
		all = append(all, "path becomes "+later.path)
	}
	for _, line := range added(p.lines, later.lines) {
		all = append(all, "header "+line)
	}
	names := nameSet(later.lines)
	for _, line := range p.lines {
		if name, _, _ := strings.Cut(line, ":"); !names[strings.ToLower(name)] {
			all = append(all, "no header "+name)
		}
	}
	return all
}

func nameSet(lines []string) map[string]bool {
	names := map[string]bool{}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		names[strings.ToLower(name)] = true
	}
	return names
}

// added are the lines of after that before does not have.
func added(before, after []string) []string {
	var lines []string
	for _, line := range after {
		if !slices.Contains(before, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
