package http1_test

import (
	"testing"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/proxytest"
)

func TestParseRequestRefuses(t *testing.T) {
	limits := http1.Limits{Bytes: 64 << 10, Fields: 100}
	for _, c := range proxytest.MalformedHeads() {
		t.Run(c.Name, func(t *testing.T) {
			var r message.Request
			var info http1.RequestInfo
			n, err := http1.ParseRequest([]byte(c.Raw), &r, &info, &limits)
			if err == nil {
				t.Fatalf("parsed %d bytes of %q, want a refusal", n, c.Raw)
			}
			if err.Status != c.Status || err.Reason != c.Reason {
				t.Errorf("got %d %s (%v), want %d %s", err.Status, err.Reason, err.Cause, c.Status, c.Reason)
			}
		})
	}
}
