package behavior

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// serveHTTP serves the backend's version of HTTP, and over TLS HTTP/1.1 for
// upgrades, too. TLS is the script's or, where it has none, the harness's.
func (s *script) serveHTTP(ts *testscript.TestScript, b *backend, ln net.Listener, cfg *tls.Config) {
	if cfg == nil {
		var err error
		cfg, err = s.addedTLS()
		ts.Check(err)
	}
	server := &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second, TLSConfig: cfg, Protocols: b.version.protocols()}
	b.closers = append(b.closers, server)
	if cfg == nil {
		b.wg.Go(func() { _ = server.Serve(ln) }) // ends with close
		return
	}
	server.Protocols.SetHTTP1(true)
	b.wg.Go(func() { _ = server.ServeTLS(ln, "", "") }) // ends with close
}

// serveTCP answers each line with the backend's name and the line.
func (b *backend) serveTCP(ln net.Listener, cfg *tls.Config) {
	if cfg != nil {
		ln = tls.NewListener(ln, cfg)
	}
	open := &openConns{conns: map[net.Conn]bool{}}
	b.closers = append(b.closers, ln, open)
	b.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // closed
			}
			open.add(c)
			b.wg.Go(func() {
				defer open.remove(c)
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					b.record(request{Backend: b.name, Body: lines.Text()})
					_, _ = fmt.Fprintf(c, "%s: %s\n", b.name, lines.Text())
				}
			})
		}
	})
}

// serveUDP answers each datagram with the backend's name and the datagram.
func (b *backend) serveUDP(c net.PacketConn) {
	b.closers = append(b.closers, c)
	b.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, client, err := c.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			text := string(bytes.TrimSpace(buf[:n]))
			b.record(request{Backend: b.name, Body: text})
			_, _ = fmt.Fprintf(packetWriter{c, client}, "%s: %s", b.name, text)
		}
	})
}

type packetWriter struct {
	c  net.PacketConn
	to net.Addr
}

// Write implements io.Writer.
func (w packetWriter) Write(p []byte) (int, error) { return w.c.WriteTo(p, w.to) }

// openConns closes connections that are still open.
type openConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func (o *openConns) add(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conns[c] = true
	if o.closed {
		_ = c.Close()
	}
}

func (o *openConns) remove(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = c.Close()
	delete(o.conns, c)
}

// Close implements io.Closer.
func (o *openConns) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for c := range o.conns {
		_ = c.Close()
	}
	return nil
}

func (s *script) backendTLS(ts *testscript.TestScript, cert, clientCA string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(ts.MkAbs(cert+".crt"), ts.MkAbs(cert+".key"))
	ts.Check(err)
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if clientCA != "" {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, pool(ts, clientCA)
	}
	return cfg
}

func pool(ts *testscript.TestScript, name string) *x509.CertPool {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM([]byte(ts.ReadFile(name + ".crt"))) {
		ts.Fatalf("%s.crt is no certificate", name)
	}
	return p
}
