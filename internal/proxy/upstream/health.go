package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Limits of health checks.
const (
	// maxHealthTimeout is the default of a check's timeout, where the interval is
	// longer.
	maxHealthTimeout = 5 * time.Second
	// maxHealthBody is how much of an answer's body is read to compare it.
	maxHealthBody = 64 << 10
	// healthJitter is the part of the interval by which checks are early or late,
	// so that proxies and endpoints do not fall into step.
	healthJitter = 0.1
)

// probe checks one endpoint until it is stopped.
type probe struct {
	config *ir.HealthCheck
	// pool is the way to the endpoint that is checked.
	pool *Pool
	// ask makes one check.
	ask func() error
	// report is told of each change.
	report func(healthy bool)
	stop   chan struct{}
}

// run checks until stop is closed.
func (p *probe) run(healthy bool) {
	interval := time.Duration(p.config.Interval)
	first := time.Duration(float64(interval) * healthJitter)
	if !healthy {
		first = min(first, time.Second) // other rules may let it in, and it may be the only one
	}
	timer := time.NewTimer(rand.N(first + 1))
	defer timer.Stop()
	var failures uint32
	var lost time.Time
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
		}
		err := p.ask()
		switch {
		case err != nil:
			failures++
			if healthy && failures >= max(p.config.Failures, 1) {
				healthy, lost = false, time.Now()
				p.report(false)
			}
		case healthy:
			failures = 0
		case time.Since(lost) >= time.Duration(p.config.Holdoff):
			healthy, failures = true, 0
			p.report(true)
		}
		spread := time.Duration(float64(interval) * healthJitter)
		timer.Reset(interval - spread + rand.N(2*spread+1))
	}
}

// check makes one health check over the pool.
func (p *probe) check() error {
	timeout := time.Duration(p.config.Timeout)
	if timeout <= 0 {
		timeout = min(time.Duration(p.config.Interval), maxHealthTimeout)
	}
	if p.config.Path == "" {
		c, err := dialTCP(p.pool.key.addr, timeout)
		if err != nil {
			return err
		}
		return c.Close()
	}
	by := socket.Now() + int64(timeout)
	conn, err := p.pool.Take(Need{Careful: true, By: by})
	if err != nil {
		return err
	}
	x := &message.Exchange{Downstream: noClient{}, Request: healthRequest(p.config.Path, p.pool)}
	err = conn.RoundTrip(x, &http1.Timeouts{Deadline: by, Response: timeout, Body: timeout})
	var body []byte
	if err == nil {
		body, err = readSome(x.Response.Body)
	}
	if err == nil {
		err = judge(p.config.Matches, &x.Response, body)
	}
	p.pool.Release(conn, x, err == nil && len(body) < maxHealthBody)
	return err
}

var (
	methodGet   = []byte("GET")
	healthAgent = []byte("fsm-health-check")
)

func healthRequest(path string, p *Pool) message.Request {
	r := message.Request{Method: methodGet, Authority: []byte(p.key.addr.String()), Length: message.NoBody}
	target, query, ok := bytes.Cut([]byte(path), []byte{'?'})
	if r.Path = target; ok {
		r.Query = query
	}
	r.Header.Reset(nil)
	r.Header.AddField(message.HeaderUserAgent, message.HeaderUserAgent.Bytes(), healthAgent)
	return r
}

// readSome reads a body, up to a limit.
func readSome(b message.Body) ([]byte, error) {
	var body []byte
	for b != nil && len(body) < maxHealthBody {
		data, err := b.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		body = append(body, data...)
	}
	return body, nil
}

// judge compares an answer with what a good one looks like.
func judge(matches []ir.HealthMatch, r *message.Response, body []byte) error {
	if len(matches) == 0 && r.Status < 400 {
		return nil
	}
	for i := range matches {
		if matched(&matches[i], r, body) {
			return nil
		}
	}
	return fmt.Errorf("the answer with status %d is not what was asked for", r.Status)
}

func matched(m *ir.HealthMatch, r *message.Response, body []byte) bool {
	if len(m.Codes) > 0 && !slices.Contains(m.Codes, uint16(r.Status)) {
		return false
	}
	if m.Body != "" && string(body) != m.Body {
		return false
	}
	for _, h := range m.Headers {
		name := message.MakeName(h.Name)
		if value, ok := r.Header.Get(&name); !ok || string(value) != h.Value {
			return false
		}
	}
	return true
}

// noClient stands where checks have no client.
type noClient struct{}

// Inform implements message.Downstream.
func (noClient) Inform(*message.Response) error { return nil }

// Respond implements message.Downstream.
func (noClient) Respond(*message.Response) error { return nil }

// Moved implements message.Downstream.
func (noClient) Moved() (received, sent int64) { return 0, 0 }

// Gone implements message.Downstream.
func (noClient) Gone() bool { return false }
