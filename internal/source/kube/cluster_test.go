package kube_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"fsm/internal/resource"
	"fsm/internal/source/kube"
	"fsm/test/cluster"
)

// shared is the cluster of all tests of this package; nil where there is none.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, &shared, cluster.Options{ControllerManager: true}))
}

// The definitions of the Gateway API, and our own.
const (
	definitionFiles    = "../../resource/crds/gateway*.yaml"
	ownDefinitionFiles = "../../../charts/fsm/crds/*.yaml"
)

const controller = "flomesh.io/gateway-controller"

// patience is how long anything may take on a machine that is busy with other
// things.
const patience = 60 * time.Second

// lab is the shared cluster with the Gateway API.
type lab struct{ *cluster.Session }

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{shared.Session(t)}
	install.Do(func() {
		l.Check(l.ApplyFiles(l.Ctx, definitionFiles))
		l.Check(l.ApplyFiles(l.Ctx, ownDefinitionFiles))
	})
	return l
}

// in is the lab of a part of a test.
func (l *lab) in(t testing.TB) *lab { return &lab{l.In(t)} }

// install puts the definitions into the cluster. Tests that change that put it
// back.
var install sync.Once

// namespace makes a namespace. It stays: namespaces take long to go.
func (l *lab) namespace(name string) {
	l.T.Helper()
	l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}\n"))
}

// in is the source of a part of a test.
func (s *source) in(t testing.TB) *source {
	part := *s
	part.t = t
	return &part
}

func (l *lab) remove(text string) {
	l.T.Helper()
	l.Check(l.Delete(l.Ctx, text))
}

// source is a source that runs until the test ends.
type source struct {
	*kube.Source
	t       testing.TB
	changed chan struct{}
}

func (l *lab) open(o kube.Options) *source {
	l.T.Helper()
	if o.Config == nil {
		o.Config = shared.Admin()
	}
	o.ControllerName = controller
	// The source ends with Run, and not with the clients of the test.
	ctx, cancel := context.WithCancel(context.Background())
	s, err := kube.Open(ctx, o)
	if err != nil {
		cancel()
		l.T.Fatal(err)
	}
	r := &source{Source: s, t: l.T, changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx, func() {
			select {
			case r.changed <- struct{}{}:
			default:
			}
		})
	}()
	l.T.Cleanup(func() { cancel(); <-done })
	return r
}

// await waits for a state of the set.
func (s *source) await(what string, holds func(*resource.Set) bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for !holds(s.Set()) {
		select {
		case <-s.changed:
		case <-deadline:
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// drain forgets changes that were told of.
func (s *source) drain() {
	for {
		select {
		case <-s.changed:
			continue
		default:
			return
		}
	}
}

func has[T resource.Object](namespace, name string) func(*resource.Set) bool {
	return func(s *resource.Set) bool {
		_, ok := resource.Get[T](s, namespace, name)
		return ok
	}
}

func hasNot[T resource.Object](namespace, name string) func(*resource.Set) bool {
	return func(s *resource.Set) bool { return !has[T](namespace, name)(s) }
}

// and holds when all conditions do.
func and(conditions ...func(*resource.Set) bool) func(*resource.Set) bool {
	return func(s *resource.Set) bool {
		for _, c := range conditions {
			if !c(s) {
				return false
			}
		}
		return true
	}
}

func get[T resource.Object](s *source, namespace, name string) T {
	s.t.Helper()
	o, ok := resource.Get[T](s.Set(), namespace, name)
	if !ok {
		s.t.Fatalf("no %T %s/%s", o, namespace, name)
	}
	return o
}

// route is an HTTPRoute.
func route(name, path string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: %s
  annotations: {example.com/note: %q, gateway.flomesh.io/note: x}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{path: {type: PathPrefix, value: %s}}], backendRefs: [{name: backend, port: 80}]}]
`, name, path, path)
}
