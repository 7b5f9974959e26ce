package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"fsm/internal/ir"
)

// ClientConfig is what a Client needs.
type ClientConfig struct {
	// URL is the controller's, without a path.
	URL string
	// TLS is from [identity.ClientTLS], with a certificate.
	TLS *tls.Config
	// Node and Build are for people to tell proxies apart.
	Node, Build string
	// Interest are the services that the proxy wants to know about.
	Interest []string
	// Apply puts a snapshot to work.
	Apply func(*ir.Snapshot) ir.Ack
	// Rejected is told of each update that could not be used; nil for nobody.
	Rejected func(error)
	// Connected is told when a stream has begun, and when it has ended; nil for nobody.
	Connected func(bool)
	// Report is what there is to say; it is asked for every beat.
	Report func() Report
	// Beat is how often to send something; 0 is the usual [Beat].
	Beat time.Duration
	Log  *slog.Logger
}

// Client receives snapshots for a proxy.
type Client struct {
	ClientConfig

	// What the proxy has outlives streams.
	version string
	has     inventory
	last    ir.Ack
}

// NewClient makes a Client; its Run must be running for anything to arrive.
func NewClient(c ClientConfig) *Client {
	if c.Beat == 0 {
		c.Beat = Beat
	}
	return &Client{ClientConfig: c}
}

// Pauses between streams.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 10 * time.Second
)

// Run keeps a stream until the context ends.
func (c *Client) Run(ctx context.Context) {
	pause, lastProblem := firstPause, ""
	for {
		heard, err := c.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			pause, lastProblem = firstPause, ""
		}
		wait := pause/2 + rand.N(pause/2)
		pause = min(2*pause, lastPause)
		if problem := err.Error(); problem != lastProblem {
			lastProblem = problem
			c.Log.Warn("no connection to the controller; the last snapshot stays in force", "controller", c.URL, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// stream serves one stream until it ends. heard is whether the controller said
// anything on it.
func (c *Client) stream(ctx context.Context) (heard bool, err error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(patience*c.Beat, func() { cancel(errSilence) })
	defer watch.Stop()
	body, up := io.Pipe()
	defer body.Close() // ends what writes
	// While the transport waits for more of the request it does not look at the
	// context.
	defer context.AfterFunc(ctx, func() { _ = up.CloseWithError(context.Cause(ctx)) })()
	answers := make(chan upward)
	greeting := c.hello()
	wg.Go(func() {
		if err := c.write(ctx, up, greeting, answers); err != nil {
			cancel(err)
		}
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+pathStream, body)
	if err != nil {
		return false, err
	}
	transport := newTransport(c.TLS)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false, because(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, refusal(response)
	}
	c.Log.Info("connected to the controller", "controller", c.URL)
	if c.Connected != nil {
		c.Connected(true)
		defer c.Connected(false)
	}
	in := newLines(watchedReader{response.Body, watch, patience * c.Beat}, clientBuffer, maxDownward)
	for {
		answer, err := c.receive(in, watch)
		if err != nil {
			return heard, because(ctx, err)
		}
		heard = true
		if answer == (upward{}) {
			continue
		}
		select {
		case answers <- answer:
		case <-ctx.Done():
			return heard, context.Cause(ctx)
		}
	}
}

const clientBuffer = 32 << 10

var errSilence = errors.New("the controller has fallen silent")

var errEnded = errors.New("the controller has ended the stream")

// because prefers the reason for which a context ended over what followed from it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, io.EOF) {
		return errEnded
	}
	return err
}

func (c *Client) hello() upward {
	h := &hello{
		Schema: schema, Node: c.Node, Build: c.Build, Filters: ir.FilterKinds(), Interest: c.Interest,
		Version: c.version, Have: map[kind]map[string]string{},
	}
	for k, r := range c.has {
		if h.Have[k.kind] == nil {
			h.Have[k.kind] = map[string]string{}
		}
		h.Have[k.kind][k.name] = r.hash
	}
	return upward{Hello: h}
}

// write sends the hello, answers, and a report with each answer and each beat.
func (c *Client) write(ctx context.Context, up io.Writer, greeting upward, answers <-chan upward) error {
	beat := time.NewTicker(c.Beat)
	defer beat.Stop()
	send := func(m upward) error {
		text, err := line(m)
		if err == nil {
			_, err = up.Write(text)
		}
		return err
	}
	if err := send(greeting); err != nil {
		return err
	}
	for {
		report := c.Report()
		if err := send(upward{Report: &report}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
		case m := <-answers:
			if err := send(m); err != nil {
				return err
			}
		}
	}
}

// receive reads a beat, or an update to which it returns the answer. The error is
// one of the stream.
func (c *Client) receive(in *lines, watch *time.Timer) (answer upward, err error) {
	var m downward
	if err := in.next(&m); err != nil {
		return upward{}, err
	}
	switch {
	case m.Beat != nil:
		return upward{}, nil
	case m.Update == nil:
		return upward{}, errors.New("message is of no known kind, or stands outside of an update")
	}
	draft := c.begin(m.Update)
	for {
		var m downward
		if err := in.next(&m); err != nil {
			return upward{}, err
		}
		switch {
		case m.Put != nil:
			draft.put(m.Put)
		case m.Drop != nil:
			draft.drop(m.Drop)
		case m.Commit != nil:
			watch.Stop() // the controller waits for the answer
			defer watch.Reset(patience * c.Beat)
			return c.commit(draft, m.Commit), nil
		default:
			return upward{}, errors.New("message is of no known kind, or does not belong into an update")
		}
	}
}

// watchedReader puts off the end of patience while something comes.
type watchedReader struct {
	io.Reader
	watch   *time.Timer
	timeout time.Duration
}

func (w watchedReader) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.watch.Reset(w.timeout)
	}
	return n, err
}

// draft is an update on its way. After the first problem the rest of it is read
// and ignored.
type draft struct {
	update  *update
	items   inventory
	touched bool
	problem error
}

// begin makes a draft from what the proxy has.
func (c *Client) begin(u *update) *draft {
	d := &draft{update: u, items: inventory{}}
	switch u.Base {
	case "":
		d.touched = true
	case c.version:
		for k, r := range c.has {
			d.items[k] = r
		}
	default:
		d.problem = fmt.Errorf("the update is for version %q, but %q is in force", u.Base, c.version)
	}
	return d
}

func (d *draft) put(p *put) {
	if d.problem != nil {
		return
	}
	value, err := decode(p.Kind, p.Body)
	if err != nil {
		d.problem = fmt.Errorf("decode %s %s: %w", p.Kind, p.Name, err)
		return
	}
	d.items[key{p.Kind, p.Name}] = resource{p.Hash, value}
	d.touched = true
}

func (d *draft) drop(x *drop) {
	k := key{x.Kind, x.Name}
	if _, ok := d.items[k]; !ok && d.problem == nil {
		d.problem = fmt.Errorf("drop %s: there is none", k)
	}
	delete(d.items, k)
	d.touched = true
}

// commit puts a draft to work and returns the answer.
func (c *Client) commit(d *draft, end *commit) upward {
	if d.problem == nil && end.Version != d.update.Version {
		d.problem = fmt.Errorf("the update began as version %q and ended as %q", d.update.Version, end.Version)
	}
	var snapshot *ir.Snapshot
	if d.problem == nil {
		snapshot, d.problem = d.items.assemble()
	}
	if d.problem != nil {
		c.Log.Error("update not applied; the last snapshot stays in force", "version", d.update.Version, "error", d.problem)
		if c.Rejected != nil {
			c.Rejected(d.problem)
		}
		return upward{Nack: &nack{Version: d.update.Version, Reason: shorten(d.problem.Error(), maxText)}}
	}
	if !d.touched && d.update.Version == c.version {
		return c.ack() // the controller is new, the snapshot is not
	}
	snapshot.Seal()
	snapshot.Version = d.update.Version // a build with another schema would compute another one
	ack := c.Apply(snapshot)
	c.version, c.has, c.last = d.update.Version, d.items, bounded(ack)
	return c.ack()
}

func (c *Client) ack() upward {
	last := c.last
	return upward{Ack: &last}
}

// bounded is an answer that fits into a line.
func bounded(a ir.Ack) ir.Ack {
	if more := len(a.Failures) - maxFailures; more > 0 {
		a.Failures = append(a.Failures[:maxFailures:maxFailures], ir.Failure{
			Reason: "TooManyFailures", Message: fmt.Sprintf("there are %d more", more),
		})
	}
	failures := make([]ir.Failure, len(a.Failures))
	for i, f := range a.Failures {
		f.Message = shorten(f.Message, maxText)
		failures[i] = f
	}
	a.Failures = failures
	return a
}
