package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"fsm/internal/identity"
	"fsm/internal/ir"
)

// Scope is what the snapshot of a proxy depends on besides the mesh. Proxies of the
// same scope share one.
type Scope struct {
	ID identity.ID
	// Interest are the services that the proxy wants to know about; "*" is
	// everything that concerns it.
	Interest []string
}

// Answer is what a proxy answered to what was made of a mesh.
type Answer struct {
	Mesh  *ir.Mesh
	Proxy Peer
	// Ack has the snapshot's conflicts among its failures.
	Ack ir.Ack
}

// ServerConfig is what a Server needs.
type ServerConfig struct {
	// Project selects from a mesh what proxies of a scope need. The result is
	// sealed. Nil means that they are to stay with what they have, whatever that is.
	Project func(*ir.Mesh, Scope) *ir.Snapshot
	// Answered is called with each answer, by several goroutines at once, and must
	// not take long. A mesh that changes nothing for a proxy has the same answer as
	// the one before.
	Answered func(Answer)
	// Changed is called when a proxy has come, gone, or become ready or not ready.
	Changed func()
	// TLS is the listener's, from [identity.ServerTLS].
	TLS *tls.Config
	// Authenticate says who a service-account token belongs to. Its error is
	// ErrToken when the token is no good.
	Authenticate func(ctx context.Context, token string) (identity.ID, error)
	// Sign answers signing requests; see [identity.CA].
	Sign func(request []byte, id identity.ID) (chain []byte, err error)
	// Peers, if it is set, takes in what other replicas of the controller post to
	// [PathPeers]. Nobody else gets there.
	Peers http.Handler
	// Beat is how often to send something; 0 is the usual [Beat].
	Beat time.Duration
	Log  *slog.Logger
}

// Server delivers over the network.
type Server struct {
	ServerConfig
	// Figures are for metrics.
	Figures   Figures
	encodings *encodings
	reviews   chan struct{} // one place for each token under review
	refusals  refusals

	mu       sync.Mutex
	edition  *edition
	sessions map[*session]struct{}
}

// NewServer makes a Server; its Serve must be running for anything to arrive.
func NewServer(c ServerConfig) *Server {
	if c.Beat == 0 {
		c.Beat = Beat
	}
	return &Server{
		ServerConfig: c, encodings: newEncodings(cacheBytes),
		reviews: make(chan struct{}, maxReviews), sessions: map[*session]struct{}{},
	}
}

// Publish makes the mesh the one to deliver. It does not wait.
func (s *Server) Publish(m *ir.Mesh) {
	m.Seal()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edition = &edition{mesh: m, assemblies: map[string]*assembly{}}
	for one := range s.sessions {
		one.signal()
	}
}

// Proxies are those that are connected, by identity and node.
func (s *Server) Proxies() []Proxy {
	s.mu.Lock()
	sessions := make([]*session, 0, len(s.sessions))
	for one := range s.sessions {
		sessions = append(sessions, one)
	}
	latest := s.edition
	s.mu.Unlock()
	list := make([]Proxy, len(sessions))
	for i, one := range sessions {
		list[i] = one.proxy(latest)
	}
	slices.SortFunc(list, func(a, b Proxy) int {
		return strings.Compare(a.ID.String()+" "+a.Node, b.ID.String()+" "+b.Node)
	})
	return list
}

func (s *Server) latest() *edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.edition
}

func (s *Server) add(one *session) {
	s.mu.Lock()
	s.sessions[one] = struct{}{}
	s.mu.Unlock()
	one.signal()
	s.changed()
}

func (s *Server) remove(one *session) {
	s.mu.Lock()
	delete(s.sessions, one)
	s.mu.Unlock()
	s.changed()
}

func (s *Server) changed() {
	if s.Changed != nil {
		s.Changed()
	}
}

// Time-outs and sizes of the listener. The stream has deadlines of its own.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = time.Minute
	maxHeaderBytes = 32 << 10
	minFrameSize   = 16 << 10 // RFC 9113, section 6.5.2
	shutdown       = 2 * time.Second
)

// Serve accepts connections until the context ends, which ends the streams.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	under := &underway{handler: s.handler()}
	defer under.end()
	server := &http.Server{
		Handler: under, TLSConfig: s.TLS,
		Protocols: new(http.Protocols),
		// A client that is written in Go keeps a buffer as large as a frame may be, up to
		// half a megabyte, for as long as its stream lives.
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 16, MaxReadFrameSize: minFrameSize},
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	server.Protocols.SetHTTP2(true)
	var wg sync.WaitGroup
	defer wg.Wait()
	served, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() {
		<-served.Done()
		gentle, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
		defer cancel()
		if server.Shutdown(gentle) != nil {
			_ = server.Close()
		}
	})
	if err := server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve proxies: %w", err)
	}
	return nil
}

// underway are the requests that are being served. net/http forgets those whose
// connection is gone.
type underway struct {
	handler http.Handler

	mu    sync.Mutex
	ended bool
	wg    sync.WaitGroup
}

func (u *underway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	if u.ended {
		u.mu.Unlock()
		return
	}
	u.wg.Add(1)
	u.mu.Unlock()
	defer u.wg.Done()
	u.handler.ServeHTTP(w, r)
}

// end waits until there are none.
func (u *underway) end() {
	u.mu.Lock()
	u.ended = true
	u.mu.Unlock()
	u.wg.Wait()
}

// handler serves the requests of the listener.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathStream, s.stream)
	mux.HandleFunc("POST "+pathCertificates, s.certificates)
	if s.Peers != nil {
		mux.HandleFunc("POST "+PathPeers, s.peers)
	}
	return mux
}

// edition is a mesh and what was made of it.
type edition struct {
	mesh *ir.Mesh

	mu         sync.Mutex
	assemblies map[string]*assembly
}

// assembly is the snapshot for a scope, nil for none, and what it consists of.
type assembly struct {
	project func() *ir.Snapshot
	parts   func() (inventory, error)
}

// assembly finds or makes the one for a scope and the filters that are known.
func (e *edition) assembly(s *Server, scope Scope, filters []string) *assembly {
	name := fmt.Sprintf("%s %q %q", scope.ID, scope.Interest, filters)
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.assemblies[name]
	if a == nil {
		a = &assembly{}
		a.project = sync.OnceValue(func() *ir.Snapshot {
			snapshot := s.Project(e.mesh, scope)
			if snapshot == nil {
				return nil
			}
			return withhold(snapshot, filters)
		})
		a.parts = sync.OnceValues(func() (inventory, error) { return inventoryOf(a.project()) })
		e.assemblies[name] = a
	}
	return a
}
