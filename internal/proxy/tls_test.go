package proxy_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// secure is a snapshot with one TLS listener; chains are added to it.
func secure() *ir.Snapshot {
	s := proxytest.Empty()
	s.Listeners = []*ir.Listener{{Name: proxytest.HTTPListener, Network: ir.TCP, Address: "127.0.0.1"}}
	return s
}

// addHTTPS adds a chain for a server name, with a table of one route.
func addHTTPS(s *ir.Snapshot, hostname string, t *ir.ServerTLS, backend string, elsewhere ...string) {
	origin := ir.Origin{Kind: "Gateway", Name: "gw", Part: "listener https-" + hostname}
	table := ir.TableName("t-" + hostname)
	s.Tables[table] = &ir.RouteTable{Name: table, Routes: []*ir.Route{proxytest.To("/", backend)}}
	s.Listeners[0].Chains = append(s.Listeners[0].Chains, &ir.Chain{
		Name: "https-" + hostname, Origin: origin, Match: ir.ChainMatch{TLS: true, ServerName: hostname}, TLS: t,
		HTTP: &ir.HTTPChain{
			VirtualHosts: []ir.VirtualHost{{Origin: origin, Hostname: hostname, Hosts: []ir.Host{{Hostname: hostname, Table: table}}}},
			Elsewhere:    elsewhere,
		},
	})
}

func addRelay(s *ir.Snapshot, hostname string, t *ir.ServerTLS, backend string) {
	origin := ir.Origin{Kind: "TLSRoute", Name: "r-" + hostname}
	s.Listeners[0].Chains = append(s.Listeners[0].Chains, &ir.Chain{
		Name: "relay-" + hostname, Origin: origin, Match: ir.ChainMatch{TLS: true, ServerName: hostname}, TLS: t,
		Relay: &ir.RelayChain{Route: &ir.RelayRoute{
			Origin: origin, ServerName: hostname, Destinations: []ir.Destination{{Backend: ir.BackendName(backend), Weight: 1}},
		}},
	})
}

func addSecret(s *ir.Snapshot, secrets ...*ir.Secret) {
	for _, secret := range secrets {
		s.Secrets[secret.Name] = secret
	}
}

// getTLS sends a GET with a server name and a host of its own.
func getTLS(t *testing.T, addr string, cfg *tls.Config, host string) (proxytest.Response, *tls.ConnectionState, error) {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, cfg)
	if err != nil {
		return proxytest.Response{}, nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	conn := proxytest.Wrap(c)
	conn.Send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	r, err := conn.ReadResponse("GET")
	state := c.ConnectionState()
	return r, &state, err
}

func TestTerminateTLS(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	ca := proxytest.NewAuthority(t, "ca")
	s := secure()
	proxytest.AddBackend(s, "b", b.Addr)
	addSecret(s,
		ca.Secret("san", proxytest.Names{DNS: []string{"a.example", "*.wild.example"}}),
		ca.Secret("cn", proxytest.Names{CommonName: "cn.example"}),
	)
	addHTTPS(s, "", &ir.ServerTLS{Certificates: []ir.SecretName{"san", "cn"}}, "b")
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	addr := p.Addr(proxytest.HTTPListener)
	for _, name := range []string{"a.example", "x.wild.example"} {
		r, state, err := getTLS(t, addr, &tls.Config{RootCAs: ca.Pool(), ServerName: name}, name)
		if err != nil || r.Status != 200 || state.Version != tls.VersionTLS13 {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
	// Go's client does not look at common names; curl and others do. The right
	// certificate has to be shown all the same.
	_, state, err := getTLS(t, addr, &tls.Config{InsecureSkipVerify: true, ServerName: "CN.example"}, "cn.example")
	if err != nil || state.PeerCertificates[0].Subject.CommonName != "cn.example" {
		t.Errorf("certificate with a common name only was not chosen: %v", err)
	}
	if !strings.Contains(b.Seen(), "X-Forwarded-Proto: https\r\n") {
		t.Errorf("backend saw %q", b.Seen())
	}
}

// TestMisdirected: over one connection only the hosts of the listener that the
// server name chose are served.
func TestMisdirected(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	ca := proxytest.NewAuthority(t, "ca")
	s := secure()
	proxytest.AddBackend(s, "b", b.Addr)
	addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"*.org", "*.wildcard.org"}}))
	cert := &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}}
	hosts := []string{"", "second-example.org", "*.wildcard.org", "fourth-example.wildcard.org"}
	for i, h := range hosts {
		others := append(append([]string{}, hosts[:i]...), hosts[i+1:]...)
		if h != "" {
			others = others[1:]
		}
		addHTTPS(s, h, cert, "b", others...)
	}
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	for _, c := range []struct {
		sni, host string
		status    int
	}{
		{"example.org", "example.org", 200},
		{"example.org", "second-example.org", 421},
		{"second-example.org", "second-example.org", 200},
		{"second-example.org", "example.org", 421},
		{"second-example.org", "unknown-example.org", 421},
		{"third-example.wildcard.org", "third-example.wildcard.org", 200},
		{"third-example.wildcard.org", "fith-example.wildcard.org", 200},
		{"third-example.wildcard.org", "fourth-example.wildcard.org", 421},
		{"third-example.wildcard.org", "second-example.org", 421},
		{"fourth-example.wildcard.org", "fourth-example.wildcard.org", 200},
		{"fourth-example.wildcard.org", "fith-example.wildcard.org", 421},
		{"unknown-example.org", "example.org", 200},
	} {
		r, _, err := getTLS(t, p.Addr(proxytest.HTTPListener), &tls.Config{RootCAs: ca.Pool(), ServerName: c.sni}, c.host)
		if err != nil || r.Status != c.status {
			t.Errorf("server name %s, host %s: got %d, %v, want %d", c.sni, c.host, r.Status, err, c.status)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	ca, clients, others := proxytest.NewAuthority(t, "ca"), proxytest.NewAuthority(t, "clients"), proxytest.NewAuthority(t, "others")
	s := secure()
	proxytest.AddBackend(s, "b", b.Addr)
	addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"*.example"}}), &ir.Secret{Name: "clients", Authorities: clients.PEM})
	certs := []ir.SecretName{"cert"}
	addHTTPS(s, "strict.example", &ir.ServerTLS{Certificates: certs, Clients: &ir.ClientValidation{Authorities: []ir.SecretName{"clients"}}}, "b")
	addHTTPS(s, "lax.example", &ir.ServerTLS{Certificates: certs, Clients: &ir.ClientValidation{Authorities: []ir.SecretName{"clients"}, Optional: true}}, "b")
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	pair := func(a *proxytest.Authority) []tls.Certificate {
		cert, key := a.Issue(proxytest.Names{CommonName: "client"})
		c, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	for _, c := range []struct {
		host   string
		certs  []tls.Certificate
		served bool
	}{
		{"strict.example", pair(clients), true},
		{"strict.example", pair(others), false},
		{"strict.example", nil, false},
		{"lax.example", pair(clients), true},
		{"lax.example", pair(others), true},
		{"lax.example", nil, true},
	} {
		asked := false
		cfg := &tls.Config{RootCAs: ca.Pool(), ServerName: c.host}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			if c.certs == nil {
				return &tls.Certificate{}, nil
			}
			return &c.certs[0], nil
		}
		r, _, err := getTLS(t, p.Addr(proxytest.HTTPListener), cfg, c.host)
		if !asked {
			t.Errorf("%s: client was not asked for a certificate", c.host)
		}
		if served := err == nil && r.Status == 200; served != c.served {
			t.Errorf("%s with %d certificates: served %t, want %t (%v)", c.host, len(c.certs), served, c.served, err)
		}
	}
}

// TestMixedTLS: terminated and passed-through connections share a port, by server
// name; a name nobody has is closed without a TLS alert.
func TestMixedTLS(t *testing.T) {
	ca := proxytest.NewAuthority(t, "ca")
	plain := proxytest.Serve(t, answer(ok))
	cert, key := ca.Issue(proxytest.Names{DNS: []string{"pass.example"}})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	behind := proxytest.Serve(t, func(c *proxytest.Conn) {
		answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbehind")(proxytest.Wrap(tls.Server(c.Peeked(), &tls.Config{Certificates: []tls.Certificate{pair}})))
	})
	s := secure()
	proxytest.AddBackend(s, "plain", plain.Addr)
	proxytest.AddBackend(s, "behind", behind.Addr)
	addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"*.example"}}))
	addRelay(s, "end.example", &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}}, "plain")
	addRelay(s, "pass.example", nil, "behind")
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	addr := p.Addr(proxytest.HTTPListener)
	for name, want := range map[string]string{"end.example": "ok", "pass.example": "behind"} {
		r, _, err := getTLS(t, addr, &tls.Config{RootCAs: ca.Pool(), ServerName: name}, name)
		if err != nil || r.Body != want {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
	if strings.Contains(plain.Seen(), "X-Forwarded") {
		t.Error("a relay changed what it carries")
	}
	_, _, err = getTLS(t, addr, &tls.Config{RootCAs: ca.Pool(), ServerName: "other.example"}, "other.example")
	if alert := new(tls.AlertError); err == nil || errors.As(err, alert) || !proxytest.Ended(err) {
		t.Errorf("unknown server name: got %v, want the connection's end", err)
	}
	c := proxytest.Dial(t, addr)
	c.Send("GET / HTTP/1.1\r\nHost: end.example\r\n\r\n")
	if got := c.ReadAll(); got != "" {
		t.Errorf("plain HTTP on a TLS port got %q", got)
	}
}

func TestUpstreamTLS(t *testing.T) {
	ca, other, clients := proxytest.NewAuthority(t, "ca"), proxytest.NewAuthority(t, "other"), proxytest.NewAuthority(t, "clients")
	serve := func(n proxytest.Names) *proxytest.Backend {
		cert, key := ca.Issue(n)
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return proxytest.Serve(t, func(c *proxytest.Conn) {
			conn := tls.Server(c.Peeked(), &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert})
			if conn.Handshake() != nil {
				return
			}
			state := conn.ConnectionState()
			who := state.ServerName
			if len(state.PeerCertificates) > 0 {
				who += "," + state.PeerCertificates[0].Subject.CommonName
			}
			answer("HTTP/1.1 200 OK\r\nX-Who: " + who + "\r\nContent-Length: 0\r\n\r\n")(proxytest.Wrap(conn))
		})
	}
	san := serve(proxytest.Names{DNS: []string{"abc.example", "*.wild.example"}, URIs: []string{"spiffe://abc/test"}})
	cn := serve(proxytest.Names{CommonName: "cn.example"})
	plain := proxytest.Serve(t, func(c *proxytest.Conn) { c.Send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") })
	secrets := []*ir.Secret{
		{Name: "ca", Authorities: ca.PEM}, {Name: "other", Authorities: other.PEM}, clients.Secret("client", proxytest.Names{CommonName: "proxy"}),
	}
	for name, c := range map[string]struct {
		backend *proxytest.Backend
		tls     ir.BackendTLS
		who     string // empty for failure
	}{
		"name matches":         {san, ir.BackendTLS{ServerName: "abc.example", Authorities: []ir.SecretName{"ca"}}, "abc.example"},
		"wildcard matches":     {san, ir.BackendTLS{ServerName: "x.wild.example", Authorities: []ir.SecretName{"ca"}}, "x.wild.example"},
		"wildcard, two labels": {san, ir.BackendTLS{ServerName: "x.y.wild.example", Authorities: []ir.SecretName{"ca"}}, ""},
		"name differs":         {san, ir.BackendTLS{ServerName: "abd.example", Authorities: []ir.SecretName{"ca"}}, ""},
		"other authority":      {san, ir.BackendTLS{ServerName: "abc.example", Authorities: []ir.SecretName{"other"}}, ""},
		"one of two":           {san, ir.BackendTLS{ServerName: "abc.example", Authorities: []ir.SecretName{"other", "ca"}}, "abc.example"},
		"system authorities":   {san, ir.BackendTLS{ServerName: "abc.example", SystemAuthorities: true}, ""},
		"alternative name":     {san, ir.BackendTLS{ServerName: "sni.example", Authorities: []ir.SecretName{"ca"}, SubjectAltNames: []ir.SubjectAltName{{DNS: "no.example"}, {DNS: "abc.example"}}}, "sni.example"},
		"alternative URI":      {san, ir.BackendTLS{ServerName: "sni.example", Authorities: []ir.SecretName{"ca"}, SubjectAltNames: []ir.SubjectAltName{{URI: "spiffe://abc/test"}}}, "sni.example"},
		"no alternative":       {san, ir.BackendTLS{ServerName: "abc.example", Authorities: []ir.SecretName{"ca"}, SubjectAltNames: []ir.SubjectAltName{{DNS: "no.example"}, {URI: "spiffe://abc/tes"}}}, ""},
		"common name only":     {cn, ir.BackendTLS{ServerName: "cn.example", Authorities: []ir.SecretName{"ca"}}, "cn.example"},
		"other common name":    {cn, ir.BackendTLS{ServerName: "cm.example", Authorities: []ir.SecretName{"ca"}}, ""},
		"client certificate":   {san, ir.BackendTLS{ServerName: "abc.example", Authorities: []ir.SecretName{"ca"}, Certificate: "client"}, "abc.example,proxy"},
		"backend without TLS":  {plain, ir.BackendTLS{ServerName: "abc.example", Authorities: []ir.SecretName{"ca"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := proxytest.Start(t, proxy.Config{})
			s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, nil)
			proxytest.AddBackend(s, "b", c.backend.Addr).TLS = &c.tls
			addSecret(s, secrets...)
			p.MustApply(s)
			for range 2 {
				r := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/")
				if c.who == "" {
					if r.Status != 502 || r.Header.Get("Fsm-Reason") != "upstream_tls" {
						t.Errorf("got %+v, want a failure", r)
					}
				} else if r.Status != 200 || r.Header.Get("X-Who") != c.who {
					t.Errorf("got %+v, want %s", r, c.who)
				}
			}
		})
	}
}

// TestSlowHandshakes: whatever a client leaves unfinished before its first
// request, it is closed in time.
func TestSlowHandshakes(t *testing.T) {
	ca := proxytest.NewAuthority(t, "ca")
	b := proxytest.Serve(t, answer(ok))
	s := secure()
	proxytest.AddBackend(s, "b", b.Addr)
	addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"a.example"}}))
	addHTTPS(s, "", &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}}, "b")
	short := ir.Duration(300 * time.Millisecond)
	s.Listeners[0].Options = &ir.Options{HandshakeTimeout: short, HeaderTimeout: short}
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	addr := p.Addr(proxytest.HTTPListener)
	var hello recordConn
	_ = tls.Client(&hello, &tls.Config{ServerName: "a.example", InsecureSkipVerify: true}).Handshake()
	for name, sent := range map[string]string{
		"nothing":                               "",
		"part of a record":                      hello.sent[:3],
		"part of a hello":                       hello.sent[:50],
		"no second message":                     hello.sent,
		"a PostgreSQL SSLRequest, then nothing": "\x00\x00\x00\x08\x04\xd2\x16\x2f",
	} {
		t.Run(name, func(t *testing.T) {
			c := proxytest.Dial(t, addr)
			begun := time.Now()
			c.Send(sent)
			c.ReadAll()
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("closed after %v", took)
			}
		})
	}
	t.Run("handshake and then nothing", func(t *testing.T) {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: ca.Pool(), ServerName: "a.example"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %d bytes, %v, want a clean end", n, err)
		}
	})
	p.MustApply(s)
}

// recordConn keeps what is sent and never answers.
type recordConn struct {
	net.Conn
	sent string
}

func (c *recordConn) Write(b []byte) (int, error) {
	c.sent += string(b)
	return len(b), nil
}

func (c *recordConn) Read([]byte) (int, error) { return 0, io.EOF }
