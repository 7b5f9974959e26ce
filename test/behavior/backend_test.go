package behavior

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/websocket"

	"fsm/internal/proxy/proxytest"
	"fsm/test/behavior/standin"
)

// request is what a backend saw of a request. It answers with it, too.
type request struct {
	Backend string            `json:"backend"`
	Method  string            `json:"method"`
	Path    string            `json:"path"` // with the query, as received
	Host    string            `json:"host"`
	Proto   string            `json:"proto"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
	// ServerName and Client are the SNI, and the name in the client's certificate.
	ServerName string `json:"serverName,omitempty"`
	Client     string `json:"client,omitempty"`
}

// backend is a server that records what it sees.
type backend struct {
	name    string
	service string
	conduct conduct
	port    int
	// version is what it speaks; raw says that it is no HTTP, and secure that the
	// script has its TLS.
	version     version
	raw, secure bool

	closers []io.Closer
	wg      sync.WaitGroup

	mu       sync.Mutex
	requests []request
}

// conduct is how a backend answers.
type conduct struct {
	status int
	// fail bounds how many requests get status, or are closed upon; 0 for all.
	fail    int
	delay   time.Duration
	close   bool
	headers list
}

func (b *backend) close() {
	for _, c := range b.closers {
		_ = c.Close()
	}
	b.wg.Wait()
}

// record remembers a request and returns its number, from 1.
func (b *backend) record(r request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, r)
	return len(b.requests)
}

func (b *backend) seen() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		b.record(b.describe(r, nil))
		websocket.Server{Handler: b.chat}.ServeHTTP(w, r)
		return
	}
	if r.Header.Get("Upgrade") == "" && r.ProtoMajor != b.version.major() {
		http.Error(w, "this backend is to be spoken to in "+string(b.version), http.StatusHTTPVersionNotSupported)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	saw := b.describe(r, body)
	n := b.record(saw)
	select {
	case <-time.After(b.conduct.delay):
	case <-r.Context().Done():
		return
	}
	failing := b.conduct.fail == 0 || n <= b.conduct.fail
	if b.conduct.close && failing {
		panic(http.ErrAbortHandler)
	}
	for _, h := range b.conduct.headers {
		name, value, _ := strings.Cut(h, ":")
		w.Header().Add(name, strings.TrimSpace(value))
	}
	w.Header().Set("Content-Type", "application/json")
	if b.conduct.status != 0 && failing {
		w.WriteHeader(b.conduct.status)
	}
	_ = json.NewEncoder(w).Encode(saw)
}

func (b *backend) describe(r *http.Request, body []byte) request {
	saw := request{
		Backend: b.name, Method: r.Method, Path: r.RequestURI, Host: r.Host, Proto: r.Proto,
		Headers: map[string]string{}, Body: string(body),
	}
	for name, values := range r.Header {
		saw.Headers[name] = strings.Join(values, ", ")
	}
	if r.TLS != nil {
		saw.ServerName = r.TLS.ServerName
		if len(r.TLS.PeerCertificates) > 0 {
			saw.Client = r.TLS.PeerCertificates[0].Subject.CommonName
		}
	}
	return saw
}

// chat answers each message with the backend's name and the message.
func (b *backend) chat(c *websocket.Conn) {
	for {
		var text string
		if err := websocket.Message.Receive(c, &text); err != nil {
			return
		}
		if err := websocket.Message.Send(c, b.name+": "+text); err != nil {
			return
		}
	}
}

const backendUsage = "usage: backend [-port PORT] [-service NAME] [-ns NAMESPACE] [-bare] [-tcp | -udp | -http1] " +
	"[-tls CERT] [-client-ca CA] [-status N] [-fail N] [-delay D] [-close] [-header 'NAME: VALUE'] NAME"

// cmdBackend starts a backend with a Service that leads to it; see backendUsage.
func cmdBackend(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	b := &backend{version: s.versions.backend}
	port := f.Int("port", s.nextPort, "where it listens")
	service := f.String("service", "", "the Service it belongs to, if not one of its own")
	namespace := f.String("ns", "default", "the Service's namespace")
	bare := f.Bool("bare", false, "without a Service")
	tcp, udp := f.Bool("tcp", false, "serves lines"), f.Bool("udp", false, "serves datagrams")
	onlyHTTP1 := f.Bool("http1", false, "speaks HTTP/1.1 in any case")
	cert, clientCA := f.String("tls", "", "certificate"), f.String("client-ca", "", "demands client certificates")
	f.IntVar(&b.conduct.status, "status", 0, "status of answers")
	f.IntVar(&b.conduct.fail, "fail", 0, "how many times to fail")
	f.DurationVar(&b.conduct.delay, "delay", 0, "before each answer")
	f.BoolVar(&b.conduct.close, "close", false, "closes instead of answering")
	f.Var(&b.conduct.headers, "header", "of answers")
	names := f.parse(args)
	if neg || len(names) != 1 || s.backends[names[0]] != nil {
		ts.Fatalf("%s", backendUsage)
	}
	b.name, b.port, b.service = names[0], *port, cmp.Or(*service, names[0])
	s.nextPort = max(s.nextPort, *port) + 1
	b.raw, b.secure = *tcp || *udp, *cert != ""
	if *onlyHTTP1 || s.versions.backend == h2 && s.added.policies && !b.secure {
		b.version = http1
	}

	if *udp {
		c, err := net.ListenPacket("udp", s.address(strconv.Itoa(b.port)))
		ts.Check(err)
		b.serveUDP(c)
	} else {
		ln, err := net.Listen("tcp", s.address(strconv.Itoa(b.port)))
		ts.Check(err)
		var cfg *tls.Config
		if b.secure {
			cfg = s.backendTLS(ts, *cert, *clientCA)
		}
		if *tcp {
			b.serveTCP(ln, cfg)
		} else {
			s.serveHTTP(ts, b, ln, cfg)
		}
	}
	s.backends[b.name] = b
	if !*bare {
		ts.Check(s.writeService(*namespace, b.service))
		ts.Check(s.settle())
	}
}

// writeService writes a Service with port 8080, and the endpoints of all its
// backends.
func (s *script) writeService(namespace, service string) error {
	var endpoints strings.Builder
	ports := map[int]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.backends)) {
		if b := s.backends[name]; b.service == service {
			ports[b.port] = true
			fmt.Fprintf(&endpoints, sliceManifest, b.name, namespace, service, b.port, s.ip)
		}
	}
	if len(ports) == 0 {
		fmt.Fprintf(&endpoints, emptySliceManifest, service, namespace, service)
	}
	text := fmt.Sprintf(serviceManifest, service, namespace) + endpoints.String()
	return s.write(serviceFile(namespace, service), []byte(text))
}

func serviceFile(namespace, service string) string {
	return filepath.Join("backends", namespace+"-"+service+".yaml")
}

// Each backend has a slice of its own, since the ports of a slice are those of
// all its endpoints.
const (
	serviceManifest = `apiVersion: v1
kind: Service
metadata: {name: %s, namespace: %s}
spec: {ports: [{name: main, port: 8080}]}
`
	sliceManifest = `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s-1, namespace: %s, labels: {kubernetes.io/service-name: %s}}
addressType: IPv4
ports: [{name: main, port: %d}]
endpoints: [{addresses: [%s]}]
`
	emptySliceManifest = `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s-1, namespace: %s, labels: {kubernetes.io/service-name: %s}}
addressType: IPv4
ports: [{name: main, port: 1}]
endpoints: []
`
)

// cmdStopBackend ends a backend; its Service keeps the endpoint unless -endpoint
// says that it goes, too: "stop-backend [-endpoint] [-ns NAMESPACE] NAME".
func cmdStopBackend(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	endpoint := f.Bool("endpoint", false, "removes the endpoint first")
	namespace := f.String("ns", "default", "the Service's namespace")
	names := f.parse(args)
	if neg || len(names) != 1 {
		ts.Fatalf("usage: stop-backend [-endpoint] [-ns NAMESPACE] NAME")
	}
	b := s.backend(ts, names[0])
	if *endpoint {
		delete(s.backends, b.name)
		ts.Check(s.writeService(*namespace, b.service))
		ts.Check(s.settle())
	}
	b.close()
}

func (s *script) backend(ts *testscript.TestScript, name string) *backend {
	b := s.backends[name]
	if b == nil {
		ts.Fatalf("there is no backend %s", name)
	}
	return b
}

// cmdSeen waits for a backend to have seen so many requests, and fails when it
// saw more: "seen NAME N".
func cmdSeen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: seen NAME N")
	}
	b := stateOf(ts).backend(ts, args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	proxytest.Eventually(stateOf(ts).tb, fmt.Sprintf("%s sees %d requests", b.name, n), func() bool { return len(b.seen()) >= n })
	if got := len(b.seen()); got != n {
		ts.Fatalf("%s saw %d requests, want %d", b.name, got, n)
	}
}

// cmdLast makes the last request that a backend saw the body that json looks at:
// "last NAME".
func cmdLast(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: last NAME")
	}
	s := stateOf(ts)
	requests := s.backend(ts, args[0]).seen()
	if len(requests) == 0 {
		ts.Fatalf("%s saw no request", args[0])
	}
	data, err := json.Marshal(requests[len(requests)-1])
	ts.Check(err)
	s.last = response{body: string(data)}
	ts.Logf("%s", data)
}

// cmdStandin starts stand-ins for the workloads of the pages: "standin NAME...".
func cmdStandin(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	cfg, err := s.addedTLS()
	ts.Check(err)
	running, err := standin.Start(standin.Config{
		Host: s.ip, Names: args, Output: &s.output, CertificateFile: filepath.Join(s.work, "httpbin.org.crt"),
		PodCertificate: ts.MkAbs("server-cert.pem"), PodKey: ts.MkAbs("server-key.pem"),
		TLS: cfg, Protocols: s.versions.backend.protocols(),
	})
	ts.Defer(running.Close)
	if errors.Is(err, fs.ErrPermission) {
		missing(s.tb, err.Error())
	}
	ts.Check(err)
}

// cmdPrinted waits until a line that the stand-ins printed contains all the
// words: "printed WORD...".
func cmdPrinted(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	if neg {
		if s.output.hasLine(args) {
			ts.Fatalf("printed: %s", s.output.String())
		}
		return
	}
	proxytest.Eventually(s.tb, fmt.Sprintf("a line with %q is printed", args), func() bool { return s.output.hasLine(args) })
	ts.Logf("%s", s.output.String())
}

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) hasLine(words []string) bool {
	for line := range strings.Lines(b.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return true
		}
	}
	return false
}
