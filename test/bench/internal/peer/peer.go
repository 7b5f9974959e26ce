package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fsm/test/bench/internal/load"
)

// Kind is a proxy program.
type Kind string

// Kinds of peers.
const (
	FSM     Kind = "fsm"
	Nginx   Kind = "nginx"
	HAProxy Kind = "haproxy"
)

// Protocol is what clients speak with a peer.
type Protocol string

// Protocols.
const (
	HTTP Protocol = "http"
	TLS  Protocol = "tls" // HTTP/1.1 over TLS 1.3
	H2C  Protocol = "h2c" // HTTP/2, known beforehand
	H2   Protocol = "h2"  // HTTP/2 over TLS 1.3, by ALPN
	TCP  Protocol = "tcp"
)

// Secure tells whether clients speak TLS.
func (p Protocol) Secure() bool { return p == TLS || p == H2 }

// Multiplexed tells whether clients speak HTTP/2.
func (p Protocol) Multiplexed() bool { return p == H2C || p == H2 }

// Site is what a peer has to serve.
type Site struct {
	Protocol Protocol
	// Calls is for a backend that answers gRPC calls, and nothing else.
	Calls bool
	// Backend is the address of the one server behind the peer.
	Backend string
	// BackendH2C makes the peer speak HTTP/2 with the backend, without TLS.
	BackendH2C bool
	// Routes is the number of routes, by path prefix; see load.RoutePrefix.
	Routes int
	// Services makes each route lead to a backend of its own, all of which have the
	// same address; for fsm only.
	Services bool
	// AccessLog switches the access log on, into a file.
	AccessLog bool
	// Regex makes the routes match by regular expressions, which have to be tried one
	// after the other; for fsm only.
	Regex bool
	// Policies makes requests pass access control and a rate limit, and keeps clients at
	// their endpoint by a cookie; for fsm only.
	Policies bool
	// Wide lets the peer have the CPU of the load generators too; for fsm only, which
	// runs as many threads as it has CPUs.
	Wide bool
}

// The one header that peers add to requests.
const header, headerValue = "X-Bench", "on"

// ErrMissing is for a peer whose program is not installed.
var ErrMissing = errors.New("not installed")

// Peer is a running proxy.
type Peer struct {
	*process
	// Target is where clients find it.
	Target load.Target
	// Admin is the address of fsm's admin interface.
	Admin string

	accessLog string
}

// Start starts a peer on the CPU for proxies, and waits until it serves.
func (l *Lab) Start(ctx context.Context, kind Kind, site Site) (*Peer, error) {
	addr, err := l.address()
	if err != nil {
		return nil, err
	}
	p := &Peer{Target: load.Target{Addr: addr}}
	if site.Protocol.Secure() {
		p.Target.TLS = l.cert.client
	}
	var c command
	switch kind {
	case FSM:
		c, err = l.fsm(p, site)
	case Nginx:
		c, err = l.nginx(p, site)
	case HAProxy:
		c, err = l.haproxy(p, site)
	default:
		err = errors.New("no such peer")
	}
	if err == nil {
		p.process, err = l.start(c, l.cpus(site)...)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", kind, err)
	}
	if err := p.await(ctx, probe(p.Target, site)); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// EmptyAccessLog throws away what was logged so far, which may be a lot.
func (p *Peer) EmptyAccessLog() error {
	if p.accessLog == "" {
		return nil
	}
	return os.Truncate(p.accessLog, 0)
}

// AccessLogSize is how many bytes were logged since the log was empty.
func (p *Peer) AccessLogSize() int64 {
	info, err := os.Stat(p.accessLog)
	if err != nil {
		return 0
	}
	return info.Size()
}

// cpus are those that a peer may use.
func (l *Lab) cpus(site Site) []int {
	if site.Wide {
		return []int{l.Layout.Proxy, l.Layout.Load}
	}
	return []int{l.Layout.Proxy}
}

// values are for nginx.conf.tmpl and haproxy.cfg.tmpl.
type values struct {
	Dir, Listen string
	Root        bool
	Connections int
	Site        Site
	AccessLog   string // file; empty for none
	Module      string // nginx's for TCP
	Prefixes    []string

	Header, HeaderValue string
}

// prepare sets the access log and fills in what nginx and HAProxy have in common.
func (l *Lab) prepare(p *Peer, site Site, dir string) (values, error) {
	v := values{
		Dir: dir, Listen: p.Target.Addr, Root: os.Geteuid() == 0, Connections: l.connections(), Site: site,
		Header: header, HeaderValue: headerValue,
	}
	for i := range site.Routes {
		v.Prefixes = append(v.Prefixes, load.RoutePrefix(i))
	}
	if site.AccessLog {
		p.accessLog = filepath.Join(dir, "access.log")
		v.AccessLog = p.accessLog
	}
	if !site.Protocol.Secure() {
		return v, nil
	}
	pem := l.cert.cert + l.cert.key
	return v, os.WriteFile(filepath.Join(dir, "cert.pem"), []byte(pem), 0o600)
}

func (l *Lab) nginx(p *Peer, site Site) (command, error) {
	if l.Programs.Nginx == "" {
		return command{}, ErrMissing
	}
	c, err := l.nginxCommand(string(Nginx))
	if err != nil {
		return command{}, err
	}
	v, err := l.prepare(p, site, c.dir)
	if err != nil {
		return command{}, err
	}
	if site.Protocol == TCP {
		if v.Module, err = l.Programs.streamModule(); err != nil {
			return command{}, err
		}
	}
	return c, write(c.config, "nginx.conf.tmpl", v)
}

func (l *Lab) haproxy(p *Peer, site Site) (command, error) {
	if l.Programs.HAProxy == "" {
		return command{}, ErrMissing
	}
	dir, err := l.directory(string(HAProxy))
	if err != nil {
		return command{}, err
	}
	v, err := l.prepare(p, site, dir)
	if err != nil {
		return command{}, err
	}
	var routes []byte
	for _, prefix := range v.Prefixes {
		routes = append(routes, prefix+" backend\n"...)
	}
	if err := os.WriteFile(filepath.Join(dir, "routes.map"), routes, 0o600); err != nil {
		return command{}, fmt.Errorf("write configuration: %w", err)
	}
	config := filepath.Join(dir, "haproxy.cfg")
	c := command{
		name: string(HAProxy), path: l.Programs.HAProxy, dir: dir, config: config,
		args: []string{"-db", "-f", config}, stdout: p.accessLog,
	}
	return c, write(config, "haproxy.cfg.tmpl", v)
}
