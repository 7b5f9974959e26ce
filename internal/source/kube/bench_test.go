package kube_test

import (
	"fmt"
	"sync"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/source/kube"
)

// BenchmarkOneEditAmong5000Routes is the time from a request to the API server to
// a new set, most of which the API server takes.
func BenchmarkOneEditAmong5000Routes(b *testing.B) {
	l := newLab(b)
	names := make(chan string)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for name := range names {
				if err := l.Apply(l.Ctx, route(name, "/x")); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range 5000 {
		names <- fmt.Sprintf("bench-%d", i)
	}
	close(names)
	wg.Wait()
	s := l.open(kube.Options{})
	for i := 0; b.Loop(); i++ {
		path := fmt.Sprintf("/%d", i)
		l.Check(l.Apply(l.Ctx, route("bench-77", path)))
		s.await("the change", where("default", "bench-77", func(r *gatewayv1.HTTPRoute) bool {
			return *r.Spec.Rules[0].Matches[0].Path.Value == path
		}))
	}
}
