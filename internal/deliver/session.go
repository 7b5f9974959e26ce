package deliver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"fsm/internal/identity"
	"fsm/internal/ir"
)

// Peer is a proxy that is, or was, connected.
type Peer struct {
	ID identity.ID `json:"id"`
	// Node tells replicas apart; it and Build are what the proxy says.
	Node  string `json:"node"`
	Build string `json:"build,omitempty"`
	// Address is where it connects from.
	Address string `json:"address"`
}

// State of a proxy.
type State string

// States.
const (
	// Synced: it has what it should have.
	Synced State = "SYNCED"
	// Stale: it was sent something that it has not answered, or will be.
	Stale State = "STALE"
	// Rejected: it could not make sense of what it was sent last.
	Rejected State = "REJECTED"
)

// Proxy is a connected proxy as it is now.
type Proxy struct {
	Peer
	Connected time.Time `json:"connected"`
	// Sent and Acked are versions of its snapshot.
	Sent  string `json:"sent,omitempty"`
	Acked string `json:"acked,omitempty"`
	State State  `json:"state"`
	// Why says what keeps it from being Synced.
	Why string `json:"why,omitempty"`
	// Failures are the resources that it could not put to work, conflicts included.
	Failures []ir.Failure `json:"failures,omitempty"`
	// Report is the last one; Reported is zero before the first.
	Report   Report    `json:"report"`
	Reported time.Time `json:"reported,omitzero"`
}

// session is the stream of one proxy. What is not guarded belongs to the
// goroutine of run.
type session struct {
	server  *Server
	scope   Scope
	filters []string
	wake    chan struct{}
	// incoming are the messages of the proxy after its hello.
	incoming chan upward
	out      *bufio.Writer
	flush    func() error

	// has is what the proxy has, and base its version.
	has  inventory
	base string
	// flying is what was sent and not answered.
	flying *flight
	last   ir.Ack

	mu   sync.Mutex
	now  Proxy
	done *edition // the last one that was answered
	held *edition // the last one that has nothing for the proxy
	// rejected says why the proxy could not use the last one.
	rejected string
}

type flight struct {
	edition  *edition
	snapshot *ir.Snapshot
	parts    inventory
	// whole is whether it began with nothing.
	whole bool
}

// sessionBuffer is small because there are many sessions, which rest most of the time.
const sessionBuffer = 4 << 10

// Bounds of what a proxy may say about itself.
const (
	maxName     = 256
	maxInterest = 10_000
	maxFigures  = 256
)

// stream serves a proxy's stream.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "the stream needs a client certificate", http.StatusUnauthorized)
		return
	}
	leaf := r.TLS.PeerCertificates[0]
	id, err := identity.IDOf(leaf)
	if err != nil || id.Role == identity.Controller {
		http.Error(w, "the stream is for proxies", http.StatusForbidden)
		return
	}
	control := http.NewResponseController(w)
	in := newLines(deadlineReader{r.Body, control, patience * s.Beat}, sessionBuffer, maxUpward)
	one, err := s.greet(in, id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	in.max = maxAnswer
	one.out = bufio.NewWriterSize(deadlineWriter{w, control, patience * s.Beat, s.Figures.sent}, sessionBuffer)
	one.flush = control.Flush
	one.now.Address, _, _ = net.SplitHostPort(r.RemoteAddr)
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := one.flush(); err != nil {
		return // nobody is there any more
	}
	// The context ends with the connection, the controller, or the certificate.
	ctx, cancel := context.WithDeadlineCause(r.Context(), leaf.NotAfter, errExpired)
	defer cancel()
	log := s.Log.With("proxy", id, "node", one.now.Node)
	log.Info("proxy connected", "version", one.base)
	s.add(one)
	defer s.remove(one)
	ctx, fail := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() {
		fail(err)
		_ = control.SetReadDeadline(time.Now())
	}()
	wg.Go(func() { fail(one.read(ctx, in)) })
	err = one.run(ctx)
	log.Info("proxy disconnected", "reason", err)
}

var errExpired = errors.New("the certificate of the proxy has expired")

// greet reads the hello.
func (s *Server) greet(in *lines, id identity.ID) (*session, error) {
	var first upward
	if err := in.next(&first); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	h := first.Hello
	switch {
	case h == nil:
		return nil, errors.New("the first message is not hello")
	case h.Schema != schema:
		return nil, fmt.Errorf("hello: schema %d is not spoken here, %d is", h.Schema, schema)
	case len(h.Node) > maxName || len(h.Build) > maxName:
		return nil, fmt.Errorf("hello: node and build may have %d bytes", maxName)
	case len(h.Interest) > maxInterest:
		return nil, fmt.Errorf("hello: %d interests are more than %d", len(h.Interest), maxInterest)
	}
	one := &session{
		server: s, scope: Scope{ID: id, Interest: h.Interest}, filters: h.Filters,
		wake: make(chan struct{}, 1), incoming: make(chan upward),
		base: h.Version, has: inventory{},
		now: Proxy{Peer: Peer{ID: id, Node: h.Node, Build: h.Build}, Connected: time.Now(), Sent: h.Version, Acked: h.Version},
	}
	for kind, hashes := range h.Have {
		for name, hash := range hashes {
			one.has[key{kind, name}] = resource{hash: hash}
		}
	}
	return one, nil
}

// signal makes run look at what is latest.
func (one *session) signal() {
	select {
	case one.wake <- struct{}{}:
	default:
	}
}

// read hands on what the proxy says.
func (one *session) read(ctx context.Context, in *lines) error {
	for {
		var m upward
		if err := in.next(&m); err != nil {
			return err
		}
		select {
		case one.incoming <- m:
		case <-ctx.Done():
			return nil
		}
	}
}

func (one *session) run(ctx context.Context) error {
	beat := time.NewTicker(one.server.Beat)
	defer beat.Stop()
	for {
		if err := one.advance(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-one.wake:
		case m := <-one.incoming:
			if err := one.take(m); err != nil {
				return err
			}
		case <-beat.C:
			if err := one.write(downward{Beat: &struct{}{}}); err != nil {
				return err
			}
		}
	}
}

// advance sends what is latest, unless something is under way or the proxy has it.
func (one *session) advance() error {
	latest := one.server.latest()
	if one.flying != nil || latest == nil || latest == one.done {
		return nil
	}
	a := latest.assembly(one.server, one.scope, one.filters)
	snapshot := a.project()
	if snapshot == nil {
		one.mu.Lock()
		one.held = latest
		one.mu.Unlock()
		return nil
	}
	if snapshot.Version == one.last.Version {
		one.answered(latest, snapshot)
		return nil
	}
	parts, err := a.parts()
	if err != nil {
		return err
	}
	one.flying = &flight{edition: latest, snapshot: snapshot, parts: parts, whole: one.base == ""}
	one.mu.Lock()
	one.now.Sent = snapshot.Version
	one.mu.Unlock()
	return one.update(snapshot.Version, parts)
}

// update writes how to get from what the proxy has to a version.
func (one *session) update(version string, parts inventory) error {
	puts, drops := difference(one.has, parts)
	if err := one.buffer(downward{Update: &update{Version: version, Base: one.base}}); err != nil {
		return err
	}
	for _, k := range puts {
		text, err := one.server.encodings.put(k, parts[k])
		if err != nil {
			return fmt.Errorf("encode %s: %w", k, err)
		}
		if _, err := one.out.Write(text); err != nil {
			return err
		}
	}
	for _, k := range drops {
		if err := one.buffer(downward{Drop: &drop{Kind: k.kind, Name: k.name}}); err != nil {
			return err
		}
	}
	one.server.Figures.Updates.Add(1)
	return one.write(downward{Commit: &commit{Version: version}})
}

func (one *session) buffer(m downward) error {
	text, err := line(m)
	if err != nil {
		return err
	}
	_, err = one.out.Write(text)
	return err
}

func (one *session) write(m downward) error {
	if err := one.buffer(m); err != nil {
		return err
	}
	if err := one.out.Flush(); err != nil {
		return err
	}
	return one.flush()
}

// take acts on a message.
func (one *session) take(m upward) error {
	switch {
	case m.Ack != nil:
		if m.Ack.Rejected != "" {
			return errors.New("an ack says that it rejects")
		}
		return one.settle(bounded(*m.Ack))
	case m.Nack != nil:
		return one.settle(ir.Ack{Version: m.Nack.Version, Rejected: shorten(m.Nack.Reason, maxText)})
	case m.Report != nil:
		one.report(*m.Report)
		return nil
	}
	return errors.New("message is of no known kind")
}

// settle takes in the answer to what is under way.
func (one *session) settle(a ir.Ack) error {
	f := one.flying
	if f == nil || a.Version != f.snapshot.Version {
		return fmt.Errorf("answer to version %q, which was not asked for", a.Version)
	}
	one.flying = nil
	if a.Rejected == "" {
		one.server.Figures.Acknowledged.Add(1)
		one.base, one.has = a.Version, f.parts
	} else {
		one.server.Figures.Rejected.Add(1)
		one.base, one.has = "", nil
		if !f.whole {
			return nil // perhaps it does not have what was thought; once more, from nothing
		}
	}
	one.last = a
	one.answered(f.edition, f.snapshot)
	return nil
}

// answered notes that an edition has had its answer, and tells.
func (one *session) answered(e *edition, s *ir.Snapshot) {
	a := one.last
	a.Failures = slices.Concat(a.Failures, s.Conflicts)
	one.mu.Lock()
	one.done = e
	one.now.Failures = a.Failures
	one.rejected = a.Rejected
	if a.Rejected == "" {
		one.now.Sent, one.now.Acked = a.Version, a.Version
	}
	peer := one.now.Peer
	one.mu.Unlock()
	one.server.Answered(Answer{Mesh: e.mesh, Proxy: peer, Ack: a})
}

func (one *session) report(r Report) {
	if len(r.Figures) > maxFigures {
		r.Figures = nil
	}
	one.mu.Lock()
	changed := r.Ready != one.now.Report.Ready || one.now.Reported.IsZero()
	one.now.Report, one.now.Reported = r, time.Now()
	one.mu.Unlock()
	if changed {
		one.server.changed()
	}
}

// proxy is the state of the proxy, given the latest edition.
func (one *session) proxy(latest *edition) Proxy {
	one.mu.Lock()
	defer one.mu.Unlock()
	p := one.now
	p.Failures = slices.Clone(p.Failures)
	p.Report.Figures = maps.Clone(p.Report.Figures)
	switch {
	case latest == nil:
		p.State, p.Why = Stale, "the controller has nothing to deliver yet"
	case one.done == latest && one.rejected == "":
		p.State = Synced
	case one.done == latest:
		p.State, p.Why = Rejected, one.rejected
	case p.Sent != p.Acked:
		p.State, p.Why = Stale, fmt.Sprintf("has not answered version %s yet", p.Sent)
	case one.held == latest:
		p.State, p.Why = Stale, "nothing is delivered to it at present, so it stays with what it has"
	default:
		p.State, p.Why = Stale, "the latest version is about to be sent"
	}
	return p
}

// shorten bounds a text.
func shorten(s string, max int) string {
	if len(s) > max {
		return s[:max] + "…"
	}
	return s
}

// deadlineReader fails when nothing comes for too long.
type deadlineReader struct {
	io.Reader
	control *http.ResponseController
	timeout time.Duration
}

func (d deadlineReader) Read(p []byte) (int, error) {
	if err := d.control.SetReadDeadline(time.Now().Add(d.timeout)); err != nil {
		return 0, err
	}
	return d.Reader.Read(p)
}

// deadlineWriter fails when nothing gets through for too long.
type deadlineWriter struct {
	io.Writer
	control *http.ResponseController
	timeout time.Duration
	sent    func(bytes int)
}

func (d deadlineWriter) Write(p []byte) (int, error) {
	if err := d.control.SetWriteDeadline(time.Now().Add(d.timeout)); err != nil {
		return 0, err
	}
	n, err := d.Writer.Write(p)
	d.sent(n)
	return n, err
}
