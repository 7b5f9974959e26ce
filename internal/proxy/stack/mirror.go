package stack

import (
	"io"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/upstream"
)

// Limits of mirroring: a copy must not cost the original anything.
const (
	// maxMirrors is how many copies may be under way; more are dropped.
	maxMirrors = 1024
	// maxMirrorBody is how much of a request body is kept for copies; a request
	// with a longer one is not mirrored.
	maxMirrorBody = 1 << 20
	// mirrorTimeout bounds a copy.
	mirrorTimeout = 30 * time.Second
)

// Mirrors sends copies of requests to backends and drops the answers.
type Mirrors struct {
	Upstream *upstream.Registry
	Stats    *telemetry.Registry
	active   atomic.Int64
}

// Dispatch is filter.Env.Dispatch.
func (m *Mirrors) Dispatch(x *message.Exchange, backend ir.BackendName) {
	if x.Request.Upgrade != nil {
		return
	}
	job := &mirrorJob{backend: m.Upstream.Get(backend), mirrors: m}
	job.copyHead(&x.Request)
	owner := x.Owner.(*exchange)
	switch {
	case owner.copies.source != nil:
		owner.copies.jobs = append(owner.copies.jobs, job)
	case x.Request.Body != nil:
		owner.copies = copyBody{source: x.Request.Body, jobs: []*mirrorJob{job}, stats: m.Stats}
		x.Request.Body = &owner.copies
	default:
		job.start(nil)
	}
}

// mirrorJob is one copy, with memory of its own.
type mirrorJob struct {
	mirrors *Mirrors
	backend *upstream.Backend
	request message.Request
}

func (j *mirrorJob) copyHead(r *message.Request) {
	c := &j.request
	c.Method = append([]byte(nil), r.Method...)
	c.Authority = append([]byte(nil), r.Authority...)
	c.Path = append([]byte(nil), r.Path...)
	if r.Query != nil {
		c.Query = append([]byte{}, r.Query...)
	}
	c.Length, c.Trailers = r.Length, r.Trailers
	c.Header.Reset(nil)
	for _, f := range r.Header.Fields() {
		if f.Name != nil {
			c.Header.AddField(f.ID, append([]byte(nil), f.Name...), append([]byte(nil), f.Value...))
		}
	}
}

// start sends the copy in the background, if there is room.
func (j *mirrorJob) start(body []byte) {
	m := j.mirrors
	if m.active.Add(1) > maxMirrors {
		m.active.Add(-1)
		m.Stats.MirrorsDropped.Add(1)
		return
	}
	if body != nil {
		j.request.Body, j.request.Length = &message.BytesBody{Content: body}, int64(len(body))
	}
	go func() {
		defer m.active.Add(-1)
		j.run()
	}()
}

// run makes the exchange. Its outcome is nobody's concern.
func (j *mirrorJob) run() {
	endpoint, err := j.backend.Pick(upstream.Choice{Header: &j.request.Header})
	if err != nil {
		return
	}
	defer endpoint.Leave()
	conn, err := endpoint.Take(upstream.Need{Careful: true, By: j.backend.ConnectBy()})
	if err != nil {
		return
	}
	x := &message.Exchange{Downstream: nobody{}, Request: j.request}
	err = conn.RoundTrip(x, &http1.Timeouts{
		Deadline: socket.Now() + int64(mirrorTimeout), Response: mirrorTimeout, Body: mirrorTimeout,
	})
	for err == nil && x.Response.Body != nil {
		if _, err = x.Response.Body.Next(); err == io.EOF {
			err = nil
			break
		}
	}
	endpoint.Release(conn, x, err == nil)
}

// nobody is the client of a copy.
type nobody struct{}

// Inform implements message.Downstream.
func (nobody) Inform(*message.Response) error { return nil }

// Respond implements message.Downstream.
func (nobody) Respond(*message.Response) error { return nil }

// Moved implements message.Downstream.
func (nobody) Moved() (received, sent int64) { return 0, 0 }

// Gone implements message.Downstream.
func (nobody) Gone() bool { return false }

// copyBody delivers a body and keeps it for the copies, which start when it is
// complete.
type copyBody struct {
	source message.Body
	jobs   []*mirrorJob
	kept   []byte
	over   bool
	stats  *telemetry.Registry
}

// Next implements message.Body.
func (b *copyBody) Next() ([]byte, error) {
	data, err := b.source.Next()
	switch {
	case err == io.EOF:
		for _, j := range b.jobs {
			if b.over {
				b.stats.MirrorsDropped.Add(1)
			} else {
				j.start(append(b.kept[:0:0], b.kept...))
			}
		}
		b.jobs = nil
	case err != nil:
		b.jobs = nil
	case !b.over:
		if b.over = len(b.kept)+len(data) > maxMirrorBody; b.over {
			b.kept = nil
			break
		}
		if b.kept == nil {
			b.kept = make([]byte, 0, buffer.Small)
		}
		b.kept = append(b.kept, data...)
	}
	return data, err
}

// Ready implements message.Body.
func (b *copyBody) Ready() bool { return b.source.Ready() }

// Cancel implements message.Body.
func (b *copyBody) Cancel() { b.source.Cancel() }

// Trailer implements message.Body.
func (b *copyBody) Trailer() *message.Header { return b.source.Trailer() }
