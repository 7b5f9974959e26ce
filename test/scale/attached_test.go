package scale

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Targets for the count of attached routes.
const (
	attachedAfter = 2 * time.Second
	mostWrites    = 300
)

// quiet is how long nothing is written when everything is as it should be.
const quiet = 3 * time.Second

// sighting is a Gateway as it was seen at a time.
type sighting struct {
	at       time.Time
	attached int
}

// attached makes many routes at once, and takes them away again. It measures when the
// Gateway has the right count, and how often its status is written.
func attached(t *testing.T, l *lab) {
	s := l.newStage(t, "attached")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := part(1000)
	sightings := s.watchGateway(ctx, t)

	begun := time.Now()
	s.createAll(ctx, t, 0, n)
	last := time.Now()
	reached, writes := follow(ctx, t, sightings, n)
	l.figures.tell(t, fmt.Sprintf("Creating %d routes", n), rounded(last.Sub(begun)))
	l.figures.duration(t, "attachedRoutes correct after the last create", reached.Sub(last), attachedAfter)
	l.figures.number(t, "Writes of the Gateway meanwhile", writes, mostWrites)

	begun = time.Now()
	err := s.objects.GatewayV1().HTTPRoutes(s.namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	if err != nil {
		t.Fatal("delete routes:", err)
	}
	last = time.Now()
	reached, writes = follow(ctx, t, sightings, 0)
	l.figures.tell(t, fmt.Sprintf("Deleting %d routes", n), rounded(last.Sub(begun)))
	l.figures.duration(t, "attachedRoutes correct after the last delete", reached.Sub(last), attachedAfter)
	l.figures.number(t, "Writes of the Gateway meanwhile", writes, mostWrites)
}

// watchGateway tells of every change of the Gateway from now on.
func (s *stage) watchGateway(ctx context.Context, t *testing.T) <-chan sighting {
	gateways := s.objects.GatewayV1().Gateways(s.namespace)
	now, err := gateways.Get(ctx, gatewayName, metav1.GetOptions{})
	if err != nil {
		t.Fatal("read Gateway:", err)
	}
	w, err := gateways.Watch(ctx, metav1.ListOptions{ResourceVersion: now.ResourceVersion})
	if err != nil {
		t.Fatal("watch Gateway:", err)
	}
	sightings := make(chan sighting, mostWrites*10)
	go func() { // ends with the watch, which ends with the context
		defer close(sightings)
		for e := range w.ResultChan() {
			if g, ok := e.Object.(*gatewayv1.Gateway); ok {
				sightings <- sighting{time.Now(), attachedRoutes(g)}
			}
		}
	}()
	return sightings
}

// follow waits until a Gateway has the right count of routes and does not change any
// more. It returns since when it has the count, and how many changes there were.
func follow(ctx context.Context, t *testing.T, sightings <-chan sighting, want int) (since time.Time, writes int) {
	t.Helper()
	right := false
	for {
		rest := time.NewTimer(quiet)
		select {
		case one, ok := <-sightings:
			if !ok {
				t.Fatal("the watch of the Gateway ended")
			}
			writes++
			if is := one.attached == want; is != right {
				right, since = is, one.at
			}
		case <-rest.C:
			if right {
				return since, writes
			}
		case <-ctx.Done():
			t.Fatalf("attachedRoutes did not become %d in time", want)
		}
		rest.Stop()
	}
}
