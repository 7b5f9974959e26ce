package policy_test

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fsm/internal/proxy/proxytest"
)

// TestPageRateLimit: of the thousand requests of page 7.4.14, sent over 64 connections,
// precisely as many get through as its policies say, and one waits.
func TestPageRateLimit(t *testing.T) {
	for _, file := range []string{"2-hostname.yaml", "4-match.yaml"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			policy, err := os.ReadFile("../../examples/gateway/7.4.14-rate-limit/" + file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, http1)
			w.apply(strings.NewReplacer("namespace: httpbin", "namespace: default", "name: http-route-foo", "name: web", "/status/200", "/a").Replace(string(policy)))
			const connections, requests, passing = 64, 1000, 100
			answers := make(chan string, requests)
			var begun atomic.Int64
			for range connections {
				conn := proxytest.Dial(t, w.proxy.Addr("tcp/:8000"))
				go func() {
					for begun.Add(1) <= requests {
						conn.Send("GET /a HTTP/1.1\r\nHost: foo.example.com\r\n\r\n")
						r, err := conn.ReadResponse("GET")
						if err != nil {
							answers <- err.Error()
							return
						}
						answers <- fmt.Sprintf("%d %s", r.Status, r.Header.Get("Fsm-Reason"))
					}
				}()
			}
			got := map[string]int{}
			for range requests - 1 {
				got[<-answers]++
			}
			if got["200 "] != passing || got["429 rate_limited"] != requests-passing-1 {
				t.Errorf("got %v, want exactly %d to pass, one to wait and the others to be refused", got, passing)
			}
		})
	}
}

// TestFaultShares: as many requests fail as the policy says, to within three standard
// deviations. That is missed once in 370 times without any mistake, twice in a row
// hardly ever.
func TestFaultShares(t *testing.T) {
	t.Parallel()
	w := newWorld(t, http1)
	w.plain.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	fault := kind{name: "FaultInjectionPolicy"}
	for _, percent := range []int{1, 50, 95} {
		w.apply(fault.policy("mine", 1, httpRoute, "config: CONFIG", fmt.Sprintf("{abort: {percent: %d, statusCode: 418}}", percent)))
		const requests = 1000
		p := float64(percent) / 100
		off := 0.0
		for range 2 {
			failed := w.count(requests, func(r reply) bool { return r.reason == "fault_injected" })
			if off = math.Abs(float64(failed) - p*requests); off <= 3*math.Sqrt(requests*p*(1-p)) {
				break
			}
			t.Logf("%d%%: %d of %d failed", percent, failed, requests)
		}
		if off > 3*math.Sqrt(requests*p*(1-p)) {
			t.Errorf("%d%%: twice more than three standard deviations off", percent)
		}
	}
}

// count sends requests, several at a time, and says how many answers are such.
func (w *world) count(requests int64, such func(reply) bool) int64 {
	var begun, found atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for begun.Add(1) <= requests {
				if such(w.get("/a")) {
					found.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return found.Load()
}
