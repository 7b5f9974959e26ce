package deliver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

// rawProxy speaks the wire by hand.
type rawProxy struct {
	t    testing.TB
	up   *io.PipeWriter
	down *bufio.Reader
	stop func()
}

const hello = `{"hello":{"schema":1,"node":"raw","filters":["requestHeaders","responseHeaders","rewrite","redirect","mirror","cors"],"interest":["*"]}}`

// raw opens a stream and says the first line.
func (c *controller) raw(t testing.TB, s identity.Side, first string) *rawProxy {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: identity.ClientTLS(s), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	p, err := c.open(t, transport, first)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *controller) open(t testing.TB, transport *http.Transport, first string) (*rawProxy, error) {
	body, up := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url()+"/v1/stream", body)
	if err != nil {
		cancel()
		return nil, err
	}
	p := &rawProxy{t: t, up: up, stop: func() {
		cancel()
		_ = up.CloseWithError(context.Canceled)
	}}
	t.Cleanup(p.stop)
	go p.say(first)
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", response.Status)
	}
	p.down = bufio.NewReader(response.Body)
	return p, nil
}

// say sends a line.
func (p *rawProxy) say(line string) { _, _ = io.WriteString(p.up, line+"\n") }

// talk reports all the time, as if it were well.
func (p *rawProxy) talk() {
	go func() {
		for tick := time.NewTicker(quick / 2); ; <-tick.C {
			if _, err := io.WriteString(p.up, `{"report":{"ready":true}}`+"\n"); err != nil {
				tick.Stop()
				return
			}
		}
	}()
}

// hear is the next line that is not a beat.
func (p *rawProxy) hear() (string, error) {
	for {
		line, err := p.down.ReadString('\n')
		if err != nil || line != `{"beat":{}}`+"\n" {
			return strings.TrimSpace(line), err
		}
	}
}

// update is the next update, up to its commit.
func (p *rawProxy) update() (lines []string) {
	p.t.Helper()
	lines, err := p.read()
	if err != nil {
		p.t.Fatalf("after %q: %v", lines, err)
	}
	return lines
}

func (p *rawProxy) read() (lines []string, err error) {
	for {
		line, err := p.hear()
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
		if strings.HasPrefix(line, `{"commit":`) {
			return lines, nil
		}
	}
}

// agree acknowledges every update until the stream ends.
func (p *rawProxy) agree() {
	for {
		lines, err := p.read()
		if err != nil {
			return
		}
		p.say(`{"ack":{"version":"` + version(lines) + `"}}`)
	}
}

// version is the one that an update leads to.
func version(lines []string) string {
	_, v, _ := strings.Cut(lines[len(lines)-1], `"version":"`)
	v, _, _ = strings.Cut(v, `"`)
	return v
}

// ended waits for the end of the stream.
func (p *rawProxy) ended() {
	p.t.Helper()
	for {
		if _, err := p.hear(); err != nil {
			return
		}
	}
}

// rawController serves streams by hand, one after the other.
type rawController struct {
	url     string
	ca      *identity.CA
	streams chan *rawStream
}

type rawStream struct {
	t   testing.TB
	up  *bufio.Reader
	end chan struct{}

	mu   sync.Mutex
	down http.ResponseWriter // nil after the end
}

func newRawController(t testing.TB) *rawController {
	t.Helper()
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &rawController{"https://" + ln.Addr().String(), ca, make(chan *rawStream, 10)}
	server := &http.Server{
		TLSConfig: identity.ServerTLS(side(t, ca, controllerID, identity.In(trustDomain))),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := &rawStream{t: t, up: bufio.NewReader(r.Body), down: w, end: make(chan struct{})}
			c.streams <- s
			select {
			case <-s.end:
			case <-r.Context().Done():
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.down = nil
		}),
	}
	background(t, func(ctx context.Context) {
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		if err := server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return c
}

// connect runs a client of it.
func (c *rawController) connect(t testing.TB, beat time.Duration) *proxy {
	return (&controller{ca: c.ca, addr: strings.TrimPrefix(c.url, "https://"), beat: beat}).connect(t, gatewayID, nil)
}

// say sends lines.
func (s *rawStream) say(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil {
		return
	}
	for _, line := range lines {
		_, _ = fmt.Fprintln(s.down, line)
	}
	_ = http.NewResponseController(s.down).Flush()
}

// hear is the next line that is not a report.
func (s *rawStream) hear() string {
	s.t.Helper()
	for {
		line, err := s.up.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the stream ended: %v", err)
		}
		if !strings.HasPrefix(line, `{"report":`) {
			return strings.TrimSpace(line)
		}
	}
}
