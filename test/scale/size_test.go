package scale

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Targets for a controller with many routes.
const (
	mostMemory = 400 << 20
	mostCores  = 0.1
)

const (
	// steady is how long nothing changes while the controller is watched, and look how
	// often it is asked. Asking is the only work that it has.
	steady = 30 * time.Second
	look   = 5 * time.Second
)

// size makes very many routes, and measures what the controller and the proxy need to
// have them.
func size(t *testing.T, l *lab) {
	s := l.newStage(t, "size")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	n := part(5000)
	growing, stop := context.WithCancel(ctx)
	defer stop()
	peak := make(chan float64, 1)
	go func() { peak <- l.peak(growing) }()
	s.createAll(ctx, t, 0, n)
	s.settled(ctx, t, n)
	stop()
	l.figures.tell(t, fmt.Sprintf("RSS of the controller while %d routes are made, at most", n), mebibytes(<-peak))

	before, proxyBefore, begun := must(t, l.controller), must(t, s.proxy), time.Now()
	most := before.resident
	tick := time.NewTicker(look)
	defer tick.Stop()
	now := before
	for time.Since(begun) < steady {
		<-tick.C
		now = must(t, l.controller)
		most = max(most, now.resident)
	}
	took := time.Since(begun).Seconds()
	cores := (now.cpu - before.cpu) / took
	proxy := must(t, s.proxy).since(proxyBefore)
	l.figures.memory(t, fmt.Sprintf("RSS of the controller with %d routes, at most", n), most, mostMemory)
	l.figures.add(t, figure{
		what: fmt.Sprintf("Cores that it uses meanwhile, over %.0f s", took), measured: fmt.Sprintf("%.4f", cores),
		target: fmt.Sprintf("≤ %g", mostCores), missed: cores > mostCores,
	})
	l.figures.tell(t, "RSS of the proxy then", mebibytes(proxy.resident))
	l.figures.tell(t, "Cores that it uses", fmt.Sprintf("%.4f", proxy.cpu/took))
}

// peak is the most memory that the controller was seen to have until the context ends.
func (l *lab) peak(ctx context.Context) (most float64) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if p, err := l.controller(ctx); err == nil { // it is asked again soon
			most = max(most, p.resident)
		}
		select {
		case <-ctx.Done():
			return most
		case <-tick.C:
		}
	}
}
