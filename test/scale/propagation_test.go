package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// Targets for the time from the write of a route to the first answer by it.
const (
	meanDelay  = 50 * time.Millisecond
	worstDelay = 200 * time.Millisecond
)

const (
	// samples is how many routes are measured, one after the other.
	samples = 100
	// between is the time between two. It is no multiple of what anything waits for.
	between = 137 * time.Millisecond
	// pollEvery is the time between an answer and the next question.
	pollEvery = time.Millisecond
)

// propagation makes single routes beside thousands, and measures how soon they serve.
// The time begins before the request to the API server, whose own part is told too.
func propagation(t *testing.T, l *lab) {
	s := l.newStage(t, "propagation")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	n := part(3000)
	s.createAll(ctx, t, 0, n)
	s.settled(ctx, t, n)

	controller, proxy := must(t, l.controller), must(t, s.proxy)
	var writes, delays []time.Duration
	pause := time.NewTicker(between)
	defer pause.Stop()
	for i := range part(samples) {
		<-pause.C
		wrote, served, err := s.propagate(ctx, n+i)
		if err != nil {
			t.Fatalf("route %d beside %d others: %v", i, n, err)
		}
		writes, delays = append(writes, wrote), append(delays, served)
	}
	controller, proxy = must(t, l.controller).since(controller), must(t, s.proxy).since(proxy)
	of := fmt.Sprintf("%d routes, one by one beside %d", len(delays), n)
	l.figures.duration(t, "From the write of a route to its first answer, mean of "+of, mean(delays), meanDelay)
	l.figures.duration(t, "The longest of these", slices.Max(delays), worstDelay)
	l.figures.tell(t, "The API server's part in it: mean, longest", rounded(mean(writes))+", "+rounded(slices.Max(writes)))
	l.figures.tell(t, "CPU time for each of these routes: controller, proxy",
		perOne(controller.cpu, len(delays))+", "+perOne(proxy.cpu, len(delays)))
}

// propagate makes a route and asks for it until it is served. Until then the answer
// has to be 404; anything else is an error.
func (s *stage) propagate(ctx context.Context, i int) (wrote, served time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Transport{MaxIdleConnsPerHost: 1, DialContext: (&net.Dialer{}).DialContext}
	defer client.CloseIdleConnections()
	if status, err := s.status(ctx, client, i); err != nil || status != http.StatusNotFound {
		return 0, 0, fmt.Errorf("before it was made: status %d, %w", status, err)
	}
	begun := time.Now()
	made := make(chan error, 1)
	go func() { // ends with the request
		err := s.create(ctx, i)
		wrote = time.Since(begun)
		made <- err
	}()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		status, err := s.status(ctx, client, i)
		served = time.Since(begun)
		switch {
		case err != nil:
			return 0, 0, errors.Join(err, <-made)
		case status == http.StatusOK:
			err := <-made
			return wrote, served, err
		case status != http.StatusNotFound:
			return 0, 0, errors.Join(fmt.Errorf("status %d", status), <-made)
		}
		<-tick.C
	}
}

// status asks for the host of a route.
func (s *stage) status(ctx context.Context, client http.RoundTripper, i int) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/", nil)
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	request.Host = host(i)
	response, err := client.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// perOne is the share of one in a time in seconds.
func perOne(seconds float64, n int) string {
	return rounded(time.Duration(seconds / float64(n) * float64(time.Second)))
}

func mean(list []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range list {
		sum += d
	}
	return sum / time.Duration(len(list))
}
