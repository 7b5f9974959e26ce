package behavior

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const exchangeTimeout = 20 * time.Second

// client sends requests to a script's gateway: every name leads to its address.
type client struct {
	script *script
	tls    *tls.Config // of https requests
}

// response is what a client got.
type response struct {
	status int
	header http.Header
	body   string
	// peer is the name in the server's certificate.
	peer string
}

// do sends one request on a connection of its own.
func (c *client) do(r *http.Request) (response, error) {
	version := c.script.versions.client
	transport := &http.Transport{DialContext: c.dial, TLSClientConfig: c.tls, DisableCompression: true, Protocols: version.protocols()}
	defer transport.CloseIdleConnections()
	if c.script.secured(r.URL) {
		r.URL.Scheme, transport.TLSClientConfig = "https", c.tlsFor(r.Host)
	}
	ctx, cancel := context.WithTimeout(r.Context(), exchangeTimeout)
	defer cancel()
	got, err := transport.RoundTrip(r.WithContext(ctx)) // does not follow redirects
	if err != nil {
		return response{}, err
	}
	defer got.Body.Close()
	if got.ProtoMajor != version.major() {
		c.script.tb.Errorf("%s answered in %s, want %s", r.URL, got.Proto, version)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return response{}, fmt.Errorf("read body of %s: %w", got.Status, err)
	}
	resp := response{status: got.StatusCode, header: got.Header, body: string(body)}
	if got.TLS != nil {
		resp.peer = got.TLS.PeerCertificates[0].Subject.CommonName
	}
	return resp, nil
}

// tlsFor is the TLS of a request in plaintext that has TLS now. It asks for the
// name that the request is for.
func (c *client) tlsFor(authority string) *tls.Config {
	name, _, err := net.SplitHostPort(authority)
	if err != nil {
		name = authority
	}
	cfg := c.tls.Clone()
	cfg.ServerName = cmp.Or(cfg.ServerName, strings.TrimSuffix(name, "."))
	return cfg
}

// dial connects to the gateway, whatever the name.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, c.script.address(port))
}

// tlsOptions are the flags of commands that speak TLS.
type tlsOptions struct{ ca, cert, sni *string }

func (f flags) tls() tlsOptions {
	return tlsOptions{
		f.String("ca", "", "authority of the server's certificate"),
		f.String("cert", "", "the client's certificate"),
		f.String("sni", "", "server name, if not that of the URL"),
	}
}

// config verifies chains and not names, since certificates may have no more than
// a CN, which Go does not look at; scripts look at it themselves, with "peer".
func (o tlsOptions) config(ts *testscript.TestScript) *tls.Config {
	cfg := anyCertificate()
	cfg.ServerName = *o.sni
	if *o.ca != "" {
		roots := pool(ts, *o.ca)
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
			return err
		}
	}
	if *o.cert != "" {
		pair, err := tls.LoadX509KeyPair(ts.MkAbs(*o.cert+".crt"), ts.MkAbs(*o.cert+".key"))
		ts.Check(err)
		// Whether or not the server names its issuer.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return cfg
}

func anyCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// call is a request with its client, as flags and a URL describe it.
type call struct {
	client *client
	build  func() *http.Request
}

const callUsage = "[-X METHOD] [-H 'NAME: VALUE'] [-d BODY] [-ca CA] [-cert CERT] [-sni NAME] URL"

// parseCall reads the flags of a request, and returns the other arguments.
func parseCall(ts *testscript.TestScript, args []string) (call, []string) {
	f := newFlags(ts)
	method, headers, body := f.String("X", "", "method"), f.list("H", "header"), f.String("d", "", "body")
	options := f.tls()
	rest := f.parse(args)
	if len(rest) == 0 {
		ts.Fatalf("usage: %s", callUsage)
	}
	target := rest[0]
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	u, err := url.Parse(target)
	ts.Check(err)
	if u.Port() == "" && u.Scheme == "http" {
		target = strings.Replace(target, u.Host, u.Host+":8000", 1)
	}
	if *method == "" && *body != "" {
		*method = http.MethodPost
	}
	build := func() *http.Request {
		r, err := http.NewRequest(cmp.Or(*method, http.MethodGet), target, strings.NewReader(*body))
		ts.Check(err)
		if *body == "" {
			r.Body, r.ContentLength = nil, 0
		}
		r.Host = u.Host // without the port that was added
		for _, h := range *headers {
			name, value, _ := strings.Cut(h, ":")
			if value = strings.TrimSpace(value); strings.EqualFold(name, "host") {
				r.Host = value
			} else {
				r.Header.Add(name, value)
			}
		}
		return r
	}
	return call{&client{stateOf(ts), options.config(ts)}, build}, rest[1:]
}

// cmdGet sends a request, and compares the status and the backend that answered:
// "get FLAGS URL [STATUS [BACKEND]]". Negated, there must be no answer.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	c, want := parseCall(ts, args)
	got, err := c.client.do(c.build())
	if neg {
		if err == nil {
			ts.Fatalf("there was an answer: %d %s", got.status, got.body)
		}
		ts.Logf("%v", err)
		return
	}
	ts.Check(err)
	stateOf(ts).last = got
	ts.Logf("%d %v\n%s", got.status, got.header, got.body)
	if len(want) > 0 && want[0] != strconv.Itoa(got.status) {
		ts.Fatalf("status %d, want %s", got.status, want[0])
	}
	if len(want) > 1 {
		expect(ts, false, "backend", got.backend(), want[1])
	}
}

// backend is the one that answered.
func (r response) backend() string {
	name, _ := member(r.body, "backend")
	return name
}

// cmdSpread sends requests and compares how many each backend answered:
// "spread N FLAGS URL BACKEND=N...". Other answers are told by their status.
func cmdSpread(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: spread N %s BACKEND=N...", callUsage)
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	c, want := parseCall(ts, args[1:])
	counts := map[string]int{}
	for range n {
		got, err := c.client.do(c.build())
		ts.Check(err)
		counts[cmp.Or(got.backend(), strconv.Itoa(got.status))]++
	}
	compareCounts(ts, counts, want)
}

// compareCounts compares numbers by name with "NAME=N", of which there must be no
// others.
func compareCounts(ts *testscript.TestScript, counts map[string]int, want []string) {
	ts.Logf("%v", counts)
	for _, w := range want {
		name, number, _ := strings.Cut(w, "=")
		expect(ts, false, name, strconv.Itoa(counts[name]), number)
		delete(counts, name)
	}
	if len(counts) > 0 {
		ts.Fatalf("and also %v", counts)
	}
}

// cmdTCP sends a line and reads one: "tcp [-tls [-sni NAME] [-ca CA] [-cert CERT]]
// PORT TEXT [ANSWER]". Negated, the connection must end without an answer.
func cmdTCP(ts *testscript.TestScript, neg bool, args []string) {
	f := newFlags(ts)
	secure, options := f.Bool("tls", false, "with TLS"), f.tls()
	rest := f.parse(args)
	if len(rest) < 2 {
		ts.Fatalf("usage: tcp [-tls [-sni NAME] [-ca CA] [-cert CERT]] PORT TEXT [ANSWER]")
	}
	var cfg *tls.Config
	if *secure {
		cfg = options.config(ts)
	}
	line, err := exchangeLine(stateOf(ts).address(rest[0]), cfg, rest[1])
	if neg {
		if err == nil {
			ts.Fatalf("there was an answer: %s", line)
		}
		return
	}
	ts.Check(err)
	stateOf(ts).last = response{body: line}
	if len(rest) > 2 {
		expect(ts, false, "answer", line, rest[2])
	}
}

func exchangeLine(address string, cfg *tls.Config, text string) (string, error) {
	var c net.Conn
	c, err := net.DialTimeout("tcp", address, exchangeTimeout)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(exchangeTimeout))
	if cfg != nil {
		c = tls.Client(c, cfg)
	}
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

// silence is how long an answer to a datagram may take before there is none.
const silence = 300 * time.Millisecond

// cmdUDP sends a datagram and reads one: "udp PORT TEXT [ANSWER]". Negated, none
// must come.
func cmdUDP(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: udp PORT TEXT [ANSWER]")
	}
	c, err := net.Dial("udp", stateOf(ts).address(args[0]))
	ts.Check(err)
	defer c.Close()
	wait := exchangeTimeout
	if neg {
		wait = silence
	}
	_ = c.SetDeadline(time.Now().Add(wait))
	_, err = io.WriteString(c, args[1])
	ts.Check(err)
	buf := make([]byte, 64<<10)
	n, err := c.Read(buf)
	if neg {
		if err == nil {
			ts.Fatalf("there was an answer: %s", buf[:n])
		}
		return
	}
	ts.Check(err)
	if len(args) > 2 {
		expect(ts, false, "answer", string(buf[:n]), args[2])
	}
}
