package cluster

import (
	"context"
	"strconv"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
)

// waitTime is how long anything may take on a machine that is busy with other things.
const waitTime = 60 * time.Second

// sessionTime is how long a test may take.
const sessionTime = 5 * waitTime

// Session is a test's use of a cluster. What it cannot do fails the test.
type Session struct {
	*Client
	Kube kubernetes.Interface
	T    testing.TB
	// Ctx ends after everything else of the test, so that what clears up can use it.
	Ctx context.Context
}

// Session begins one, or skips the test where there is no cluster.
func (c *Cluster) Session(t testing.TB) *Session {
	t.Helper()
	c.Need(t)
	ctx, cancel := context.WithTimeout(context.Background(), sessionTime)
	t.Cleanup(cancel)
	s := &Session{T: t, Ctx: ctx}
	var err error
	s.Client, err = NewClient(c.Admin())
	s.Check(err)
	s.Kube, err = kubernetes.NewForConfig(c.Admin())
	s.Check(err)
	return s
}

// In is the session of a part of the test.
func (s *Session) In(t testing.TB) *Session {
	part := *s
	part.T = t
	return &part
}

// Check fails the test on an error.
func (s *Session) Check(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Put creates or changes objects.
func (s *Session) Put(text string) {
	s.T.Helper()
	s.Check(s.Apply(s.Ctx, text))
}

// Lend is Put for as long as the test lasts: what is left of the objects goes with it.
func (s *Session) Lend(text string) {
	s.T.Helper()
	s.T.Cleanup(func() {
		if err := s.Delete(s.Ctx, text); err != nil {
			s.T.Error(err)
		}
	})
	s.Put(text)
}

// Eventually waits until a state is there.
func (s *Session) Eventually(what string, holds func() error) {
	s.T.Helper()
	deadline := time.After(waitTime)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.T.Fatalf("waited in vain: %s: %v", what, err)
		}
	}
}

// FreePort is a port of loopback that is free now.
func (s *Session) FreePort() string {
	s.T.Helper()
	ports, err := freePorts(1)
	s.Check(err)
	return strconv.Itoa(ports[0])
}
