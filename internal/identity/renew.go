package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Renewer keeps a certificate for an identity: it gets one, and another with
// another key at about half of its life. Its Run must be running.
type Renewer struct {
	id      ID
	request func(ctx context.Context, request []byte) (chain []byte, err error)
	// failed is told of each failure and when the next attempt is made.
	failed func(err error, retry time.Duration)

	current atomic.Pointer[tls.Certificate]
	first   sync.Once
	ready   chan struct{}
}

// RenewerConfig is what a Renewer needs.
type RenewerConfig struct {
	ID ID
	// Request brings a signing request to the authority.
	Request func(ctx context.Context, request []byte) (chain []byte, err error)
	// Failed is told of each failure and when the next attempt is made.
	Failed func(err error, retry time.Duration)
}

// NewRenewer makes a Renewer.
func NewRenewer(c RenewerConfig) *Renewer {
	return &Renewer{id: c.ID, request: c.Request, failed: c.Failed, ready: make(chan struct{})}
}

// Ready is closed when there is a first certificate.
func (r *Renewer) Ready() <-chan struct{} { return r.ready }

// Certificate is the one to show now.
func (r *Renewer) Certificate() (*tls.Certificate, error) {
	if c := r.current.Load(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("no certificate for %s yet", r.id)
}

// Pauses between attempts after failures: they double, and are drawn at random
// from the upper half, so that many proxies do not come back together.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// glance is how often the clock is looked at while waiting for a renewal. Timers
// stand still while a machine is suspended, and clocks are set.
const glance = 10 * time.Minute

// Run renews until the context ends.
func (r *Renewer) Run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		c, err := r.renew(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			wait := pause/2 + rand.N(pause/2)
			r.failed(err, wait)
			sleep(ctx, wait)
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		r.current.Store(c)
		r.first.Do(func() { close(r.ready) })
		for due := renewalTime(c, time.Now()); ctx.Err() == nil && time.Now().Before(due); {
			sleep(ctx, min(time.Until(due), glance))
		}
	}
}

// renewalTime is half way to the end of a certificate, give or take a tenth of the
// rest of its life. An authority whose own end is near gives very short lives.
func renewalTime(c *tls.Certificate, now time.Time) time.Time {
	left := float64(c.Leaf.NotAfter.Sub(now))
	return now.Add(max(time.Duration(left*(0.4+0.2*rand.Float64())), firstPause))
}

// sleep waits for a time, or the end of the context.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// renew makes a key and has it certified.
func (r *Renewer) renew(ctx context.Context) (*tls.Certificate, error) {
	key, request, err := newRequest(r.id)
	if err != nil {
		return nil, err
	}
	chain, err := r.request(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("get a certificate for %s: %w", r.id, err)
	}
	c, err := pair(chain, key, r.id)
	if err != nil {
		return nil, fmt.Errorf("get a certificate for %s: answer: %w", r.id, err)
	}
	return c, nil
}

// pair joins a chain and the key that it was asked for.
func pair(chain []byte, key *ecdsa.PrivateKey, id ID) (*tls.Certificate, error) {
	certs, err := parseCertificates(chain)
	if err != nil {
		return nil, err
	}
	leaf := certs[0]
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, errors.New("certificate is for another key")
	}
	if got, err := IDOf(leaf); err != nil || got != id {
		return nil, errors.Join(fmt.Errorf("certificate is for %v", leaf.URIs), err)
	}
	if !time.Now().Before(leaf.NotAfter) {
		return nil, fmt.Errorf("certificate has expired at %s", leaf.NotAfter)
	}
	c := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, cert := range certs {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c, nil
}
