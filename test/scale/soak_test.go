package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Rhythm of a soak, besides the changes of a route that has traffic.
const (
	// rollEvery is the time between two rollouts, by turns of proxies and of backends.
	rollEvery = 30 * time.Second
	// churnEvery is the time between two other routes that come, and the oldest that goes.
	churnEvery = time.Second
	// churned is how many of them there are at a time.
	churned = 20
)

// TestSoak has everything happen at once for a time: load, changes of a route that
// has traffic, routes that come and go, rollouts of backends and of proxies. No request
// may fail, and neither the controller nor a proxy that stays may grow.
func TestSoak(t *testing.T) {
	if *soakTime == 0 {
		t.Skip("-soak is not given; 'make soak' soaks")
	}
	l := newLab(t)
	staying, rolling := l.newStage(t, "staying"), l.newStage(t, "rolling")
	ctx, cancel := context.WithTimeout(t.Context(), *soakTime+2*patience)
	defer cancel()
	loads := []*traffic{staying.drive(ctx, staying.serve(ctx, t)), rolling.drive(ctx, rolling.serve(ctx, t))}
	during, stop := context.WithTimeout(ctx, *soakTime)
	defer stop()
	toggles, rolled := 0, 0
	var controllers, proxies []process
	var all sync.WaitGroup
	repeat := func(every time.Duration, do func(n int) error) {
		all.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-during.Done():
					return
				case <-tick.C:
					if err := do(n); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	repeat(toggleEvery, func(n int) error { toggles++; return staying.toggle(ctx, n%2 == 0) })
	repeat(churnEvery, func(n int) error { return staying.churn(ctx, n) })
	repeat(rollEvery, func(n int) error { rolled++; return soakRoll(ctx, n, staying, rolling) })
	repeat(look, func(int) error {
		c, err := l.controller(ctx)
		p, proxyErr := staying.proxy(ctx)
		controllers, proxies = append(controllers, c), append(proxies, p)
		return errors.Join(err, proxyErr)
	})
	all.Wait()
	for i, d := range loads {
		d.end(t, fmt.Sprintf("%s of %d changes, %d rollouts", []string{"without", "with"}[i]+" rollouts of the proxy, in the course", toggles, rolled))
	}
	l.figures.grown(t, "the controller", controllers)
	l.figures.grown(t, "a proxy that stays", proxies)
	publish(t, *out, "soak", here(), l.figures)
}

// churn makes a route that has no traffic, and takes the oldest away.
func (s *stage) churn(ctx context.Context, n int) error {
	err := s.create(ctx, n+1) // the first has traffic
	if old := n - churned; err == nil && old >= 0 {
		err = s.objects.GatewayV1().HTTPRoutes(s.namespace).Delete(ctx, s.route(old+1).Name, metav1.DeleteOptions{})
	}
	if err != nil {
		return fmt.Errorf("change routes: %w", err)
	}
	return nil
}

// soakRoll rolls out one thing: the proxy of one stage, or the backends of either.
func soakRoll(ctx context.Context, n int, staying, rolling *stage) error {
	switch n % 4 {
	case 1:
		return staying.rollOut(ctx, backendName)
	case 3:
		return rolling.rollOut(ctx, backendName)
	}
	name, err := rolling.proxyName(ctx)
	if err != nil {
		return err
	}
	return rolling.rollOut(ctx, name)
}

// What a process may need more of at the end of a soak than at its begin. It is what
// the garbage collector makes of it, and the connections that are kept: at most one for
// each client, and as many to each port of two backends.
const (
	moreMemory     = 16 << 20
	moreGoroutines = 20
	moreFiles      = 2*clients + 4*2*clients
)

// grown compares what a process needs at the end with what it needed at the begin,
// after it had some time to warm up.
func (f *figures) grown(t *testing.T, who string, samples []process) {
	t.Helper()
	if len(samples) < 5 {
		t.Fatalf("%d looks at %s are too few", len(samples), who)
	}
	for _, one := range []struct {
		what  string
		of    func(process) float64
		more  float64
		shown func(float64) string
	}{
		{"RSS", func(p process) float64 { return p.resident }, moreMemory, mebibytes},
		{"Goroutines", func(p process) float64 { return p.goroutines }, moreGoroutines, whole},
		{"Open files", func(p process) float64 { return p.files }, moreFiles, whole},
	} {
		early, late := ends(samples, one.of)
		f.add(t, figure{
			what:     fmt.Sprintf("%s of %s at the begin and at the end", one.what, who),
			measured: one.shown(early) + ", " + one.shown(late),
			target:   fmt.Sprintf("≤ %s more", one.shown(one.more)), missed: late > early+one.more,
		})
	}
}

func whole(n float64) string { return fmt.Sprintf("%.0f", n) }

// ends are the medians of the second fifth of the samples and of the last.
func ends(samples []process, of func(process) float64) (early, late float64) {
	fifth := len(samples) / 5
	median := func(part []process) float64 {
		var values []float64
		for _, p := range part {
			values = append(values, of(p))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return median(samples[fifth : 2*fifth]), median(samples[len(samples)-fifth:])
}

// TestEnds: neither the start of a process nor a single look at it makes it look
// larger or smaller than it is.
func TestEnds(t *testing.T) {
	var samples []process
	for _, mib := range []float64{1, 1, 10, 11, 10, 10, 90, 10, 10, 10, 10, 10, 30, 31, 99} {
		samples = append(samples, process{resident: mib})
	}
	if early, late := ends(samples, func(p process) float64 { return p.resident }); early != 10 || late != 31 {
		t.Errorf("from %g to %g", early, late)
	}
}
