package leader_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/leader"
	"fsm/test/cluster"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Main(m, &shared, cluster.Options{})) }

const patience = 60 * time.Second

// cable is between a candidate and the API server. It can be cut.
type cable struct {
	*candidate
	next http.RoundTripper
}

func (c cable) RoundTrip(q *http.Request) (*http.Response, error) {
	if c.cut.Load() {
		return nil, errors.New("cut by test")
	}
	select {
	case c.attempts <- struct{}{}:
	default:
	}
	return c.next.RoundTrip(q)
}

// candidate is a candidate that runs.
type candidate struct {
	// leading has an element each time that the candidate begins to lead, ended each
	// time that it is told to stop.
	leading, ended chan struct{}
	// attempts may have an element for each request.
	attempts chan struct{}
	cut      atomic.Bool
	// finish keeps a lead from returning after it was told to stop, until it is
	// closed.
	finish chan struct{}
	stop   func()
	stands *leader.Candidate
}

func stand(t *testing.T, lease, name string) *candidate {
	t.Helper()
	c := &candidate{
		leading: make(chan struct{}, 10), ended: make(chan struct{}, 10),
		attempts: make(chan struct{}), finish: make(chan struct{}),
	}
	config := shared.Need(t).Admin()
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return cable{c, next} })
	stands, err := leader.New(leader.Options{
		Config: config, Namespace: "default", Name: lease, Identity: name, Address: name + ".example:1",
		Times: leader.Times{Lease: 2 * time.Second, Renew: time.Second, Retry: 100 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.stands = stands
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := stands.Run(ctx, func(ctx context.Context) {
			c.leading <- struct{}{}
			<-ctx.Done()
			c.ended <- struct{}{}
			<-c.finish
		})
		if err != nil {
			t.Error(err)
		}
	}()
	c.stop = func() { cancel(); <-done }
	t.Cleanup(func() {
		select {
		case <-c.finish:
		default:
			close(c.finish)
		}
		c.stop()
	})
	return c
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain: ", what)
	}
}

// Whoever stops gives the lead back once it has finished, and not before.
func TestLeadIsHandedOver(t *testing.T) {
	one := stand(t, "handover", "one")
	await(t, "one leads", one.leading)
	two := stand(t, "handover", "two")
	stopped := make(chan struct{})
	go func() { defer close(stopped); one.stop() }()
	await(t, "one is told to stop", one.ended)
	// The first leader still writes; several attempts of the second one are in vain.
	for range 5 {
		await(t, "two asks", two.attempts)
	}
	if who, where := two.stands.Leader(); who != "one" || where != "one.example:1" {
		t.Errorf("two takes %s at %s for the leader", who, where)
	}
	select {
	case <-two.leading:
		t.Fatal("two leads while one has not finished")
	default:
	}
	close(one.finish)
	await(t, "one has stopped", stopped)
	await(t, "two leads", two.leading)
	if who, where := two.stands.Leader(); who != "two" || where != "two.example:1" {
		t.Errorf("two takes %s at %s for the leader", who, where)
	}
}

// A leader that cannot be heard of stops before another one begins, and stands
// again afterwards.
func TestLeadIsLost(t *testing.T) {
	one := stand(t, "lost", "one")
	close(one.finish)
	await(t, "one leads", one.leading)
	two := stand(t, "lost", "two")
	close(two.finish)
	one.cut.Store(true)
	await(t, "two leads", two.leading)
	select {
	case <-one.ended:
	default:
		t.Error("two leads and one was not told to stop")
	}
	one.cut.Store(false)
	two.stop()
	await(t, "one leads again", one.leading)
}
