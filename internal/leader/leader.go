package leader

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Options of a candidate.
type Options struct {
	Config *rest.Config
	// Namespace and Name are those of the Lease.
	Namespace, Name string
	// Identity tells candidates apart, for example the name of the pod. It may have no
	// underscore.
	Identity string
	// Address is where others reach the candidate when it leads; empty for nowhere.
	Address string
	// Times may be zero for the usual ones.
	Times Times
	// Log may be nil.
	Log *slog.Logger
}

// Times of an election.
type Times struct {
	// Lease is how long a leader that cannot be heard of still leads.
	Lease time.Duration
	// Renew is how long a leader tries to renew its lease before it gives up.
	Renew time.Duration
	// Retry is the time between two attempts.
	Retry time.Duration
}

// usual are the times of the controllers of Kubernetes.
var usual = Times{Lease: 15 * time.Second, Renew: 10 * time.Second, Retry: 2 * time.Second}

// Candidate is a controller that leads now and then.
type Candidate struct {
	options Options
	log     *slog.Logger
	lock    resourcelock.Interface
	leads   atomic.Bool
	elector atomic.Pointer[leaderelection.LeaderElector] // of the current election
}

// New returns a candidate, which does not stand before it runs.
func New(o Options) (*Candidate, error) {
	if o.Times == (Times{}) {
		o.Times = usual
	}
	config := rest.CopyConfig(o.Config)
	// An attempt that hangs must leave time for another one.
	config.Timeout = o.Times.Renew / 2
	client, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client for leases: %w", err)
	}
	c := &Candidate{options: o, log: o.Log, lock: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name},
		Client:     client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: holder(o)},
	}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// holder is what a Lease says about its holder: the address, if there is one, after
// the identity, so that others know where the leader is.
func holder(o Options) string {
	if o.Address == "" {
		return o.Identity
	}
	return o.Identity + "_" + o.Address
}

// Leader is who leads, as far as the candidate has heard, and where; empty for nobody
// and nowhere. Who it is may have gone already.
func (c *Candidate) Leader() (identity, address string) {
	elector := c.elector.Load()
	if elector == nil {
		return "", ""
	}
	identity, address, _ = strings.Cut(elector.GetLeader(), "_")
	return identity, address
}

// Leads tells whether the candidate leads now.
func (c *Candidate) Leads() bool { return c.leads.Load() }

// Run stands for election until the context ends. Whenever the candidate leads it
// calls lead, whose context ends with the lead; only when lead has returned does the
// candidate stand again, and only then is the lease given back.
func (c *Candidate) Run(ctx context.Context, lead func(context.Context)) error {
	for ctx.Err() == nil {
		if err := c.stand(ctx, lead); err != nil {
			return fmt.Errorf("stand for election: %w", err)
		}
	}
	return nil
}

// stand takes part in one election, to the end of the lead.
func (c *Candidate) stand(ctx context.Context, lead func(context.Context)) error {
	// The elector gives the lease back as soon as its context ends. That must not be
	// while something is still being written, so its context is ours to end.
	term, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	elected := make(chan context.Context)
	t := c.options.Times
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: c.lock, Name: c.options.Name, ReleaseOnCancel: true,
		LeaseDuration: t.Lease, RenewDeadline: t.Renew, RetryPeriod: t.Retry,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				select {
				case elected <- held:
				case <-held.Done():
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	c.elector.Store(elector)
	over := make(chan struct{})
	go func() {
		defer close(over)
		elector.Run(klog.NewContext(term, logr.Discard()))
	}()
	select {
	case held := <-elected:
		c.serve(ctx, held, lead)
	case <-ctx.Done():
	case <-over:
	}
	end()
	<-over
	return nil
}

// serve leads until the context ends or the lease is lost.
func (c *Candidate) serve(ctx, held context.Context, lead func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(held, cancel)()
	c.leads.Store(true)
	c.log.Info("leading", "identity", c.options.Identity)
	lead(ctx)
	c.leads.Store(false)
	c.log.Info("no longer leading", "identity", c.options.Identity)
}
