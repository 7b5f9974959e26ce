package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"fsm/test/bench/internal/load"
	"fsm/test/bench/internal/peer"
	"fsm/test/bench/internal/procfs"
)

// Figures of the test with many routes.
const (
	configMemory = "resident with 5,000 routes"
	usedMemory   = "resident after a request to each"
	configSeries = "metric series"
)

// manyRoutes measures what a large configuration costs our proxy: memory, and
// series for whoever has to store its metrics.
func manyRoutes(ctx context.Context, s *session) (*outcome, error) {
	const count = 5000
	backend, stop, err := s.startOrigin(ctx, pages)
	if err != nil {
		return nil, err
	}
	defer stop()
	begun := time.Now()
	p, err := s.lab.Start(ctx, peer.FSM, peer.Site{Protocol: peer.HTTP, Backend: backend, Routes: count, Services: true})
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	serving := time.Since(begun)
	if err := pause(ctx, rest); err != nil {
		return nil, err
	}
	before, err := procfs.Resident(p.PIDs())
	if err != nil {
		return nil, err
	}
	if err := askEach(ctx, p.Target, count); err != nil {
		return nil, err
	}
	after, err := procfs.Resident(p.PIDs())
	if err != nil {
		return nil, err
	}
	series, err := countSeries(ctx, p.Admin)
	if err != nil {
		return nil, err
	}
	return &outcome{Figures: []quantity{
		{Peer: ours, What: "from start to serving", Value: float64(serving.Milliseconds()), Unit: "ms"},
		{Peer: ours, What: configMemory, Value: float64(before) / mib, Unit: "MiB"},
		{Peer: ours, What: usedMemory, Value: float64(after) / mib, Unit: "MiB"},
		{Peer: ours, What: configSeries, Value: float64(series)},
	}}, nil
}

// askEach sends one request to each route, since a series may come with the first
// one that counts.
func askEach(ctx context.Context, t load.Target, count int) error {
	c, err := t.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ask := load.HTTP(load.Requests(count, load.Small))(c)
	for i := range count {
		if err := ask(i); err != nil {
			return fmt.Errorf("ask for route %d: %w", i, err)
		}
	}
	return nil
}

// countSeries counts the lines of /metrics that are not comments; each is a
// series.
func countSeries(ctx context.Context, admin string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("read metrics: %s", response.Status)
	}
	count := 0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			count++
		}
	}
	return count, lines.Err()
}
