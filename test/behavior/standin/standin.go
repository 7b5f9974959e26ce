package standin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fsm/internal/hello"
)

// Config says which stand-ins to start, and where.
type Config struct {
	// Host is the address that all of them listen on, and that httpbin.org
	// resolves to. Default 127.0.0.1.
	Host string
	// Names are those to start; none means all.
	Names []string
	// Output is where the echo servers print the requests they get.
	Output io.Writer
	// CertificateFile is where the certificate of httpbin.org is written to, for
	// clients that have to trust it. Empty for nowhere.
	CertificateFile string
	// PodCertificate and PodKey are files with what httpbin-tls and tutorial-tls show.
	// Default server-cert.pem and server-key.pem, which the pages make.
	PodCertificate, PodKey string
	// TLS is that of the stand-ins that have none in the pages; nil for none.
	TLS *tls.Config
	// Protocols are the versions of HTTP that they speak; nil for those that
	// net/http thinks right.
	Protocols *http.Protocols
}

// server is one stand-in. Its port stands in the manifests of the examples.
type server struct {
	name  string
	port  int
	start func(r *Running, addr string) error
}

// servers is the list of all stand-ins.
func (c Config) servers() []server {
	return []server{
		{"httpbin", 19080, func(r *Running, addr string) error { return r.serveHTTP(addr, Httpbin(), c.TLS) }},
		{"pipy", 19081, func(r *Running, addr string) error { return r.serveHTTP(addr, newPipy("pipy", c.Output), c.TLS) }},
		{"pipy-mirror", 19082, func(r *Running, addr string) error { return r.serveHTTP(addr, newPipy("pipy-mirror", c.Output), c.TLS) }},
		{"grpcbin", 19000, func(r *Running, addr string) error { return r.serveHello(addr, c.TLS) }},
		{"fortio", 8078, func(r *Running, addr string) error { return r.servePackets(addr, echo) }},
		{siteName, 443, func(r *Running, addr string) error { return r.serveSite(addr, c.CertificateFile) }},
		{"fortio-http", 19083, func(r *Running, addr string) error { return r.serveHTTP(addr, fortioEcho(), c.TLS) }},
		{"pipy-hello", 19084, func(r *Running, addr string) error { return r.serveHTTP(addr, says(200, "Hello, world"), c.TLS) }},
		{"pipy-unavailable", 19085, func(r *Running, addr string) error { return r.serveHTTP(addr, says(503, "Service unavailable"), c.TLS) }},
		{"pipy-hi", 19086, func(r *Running, addr string) error { return r.serveHTTP(addr, says(201, "Hi, world"), c.TLS) }},
		{"tutorial", 19087, func(r *Running, addr string) error { return r.serveHTTP(addr, Tutorial(), c.TLS) }},
		{"tutorial-tls", 19088, func(r *Running, addr string) error { return r.serveSecure(addr, Tutorial(), c) }},
		{"pod-1", 19089, func(r *Running, addr string) error {
			return r.serveHTTP(addr, says(200, responseFromPod+"t9cxc\n"), c.TLS)
		}},
		{"pod-2", 19090, func(r *Running, addr string) error {
			return r.serveHTTP(addr, says(200, responseFromPod+"hrvqp\n"), c.TLS)
		}},
		{"httpbin-tls", 19443, func(r *Running, addr string) error { return r.serveSecure(addr, Httpbin(), c) }},
		{"dns", 19053, func(r *Running, addr string) error { return r.serveNames(addr, c.Host) }},
	}
}

// Names lists all stand-ins.
func Names() []string {
	var names []string
	for _, s := range (Config{}).servers() {
		names = append(names, s.name)
	}
	return names
}

// Running are stand-ins that were started.
type Running struct {
	// Addresses say where each of them listens, by name.
	Addresses map[string]string

	protocols *http.Protocols
	closers   []io.Closer
	wg        sync.WaitGroup
}

// Start starts stand-ins. When one of them cannot be started the error says
// which, and the others run all the same.
func Start(c Config) (*Running, error) {
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	r := &Running{Addresses: map[string]string{}, protocols: c.Protocols}
	for _, name := range c.Names {
		if !slices.Contains(Names(), name) {
			return r, fmt.Errorf("there is no stand-in %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	var failures []error
	for _, s := range c.servers() {
		if len(c.Names) > 0 && !slices.Contains(c.Names, s.name) {
			continue
		}
		addr := net.JoinHostPort(c.Host, strconv.Itoa(s.port))
		if err := s.start(r, addr); err != nil {
			failures = append(failures, fmt.Errorf("start %s: %w", s.name, err))
			continue
		}
		r.Addresses[s.name] = addr
	}
	return r, errors.Join(failures...)
}

// Close stops all stand-ins and ends their connections.
func (r *Running) Close() {
	for _, c := range r.closers {
		_ = c.Close()
	}
	r.wg.Wait()
}

// serveHTTP serves an address, with TLS if there is a configuration for it.
func (r *Running) serveHTTP(addr string, h http.Handler, cfg *tls.Config) error {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, TLSConfig: cfg, Protocols: r.protocols}
	r.closers = append(r.closers, s)
	r.wg.Go(func() { // ends with Close
		if cfg != nil {
			_ = s.ServeTLS(ln, "", "")
		} else {
			_ = s.Serve(ln)
		}
	})
	return nil
}

// serveHello serves hello.HelloService, with TLS if there is a configuration for it.
func (r *Running) serveHello(addr string, cfg *tls.Config) error {
	s, err := hello.NewServer()
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	if cfg != nil {
		cfg = cfg.Clone()
		cfg.NextProtos = []string{"h2"}
		ln = tls.NewListener(ln, cfg)
	}
	r.closers = append(r.closers, closer(s.Stop))
	r.wg.Go(func() { _ = s.Serve(ln) }) // ends with Close
	return nil
}

// closer is an io.Closer that cannot fail.
type closer func()

// Close implements io.Closer.
func (c closer) Close() error {
	c()
	return nil
}

// servePackets answers each datagram with what reply makes of it, if anything.
func (r *Running) servePackets(addr string, reply func([]byte) []byte) error {
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", addr)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, conn)
	r.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, client, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			if answer := reply(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, client)
			}
		}
	})
	return nil
}

// echo is fortio's UDP echo server.
func echo(datagram []byte) []byte { return datagram }
