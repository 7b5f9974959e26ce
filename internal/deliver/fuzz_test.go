package deliver_test

import (
	"log/slog"
	"strings"
	"testing"

	"fsm/internal/deliver"
	"fsm/internal/ir"
)

// FuzzReceive: whatever a controller sends, a proxy applies only snapshots that do
// not contradict themselves, and never fails over the rest.
func FuzzReceive(f *testing.F) {
	f.Add(strings.Join([]string{begin("1", ""), putRoute, putTable, putListener, commit("1"), begin("2", "1"), commit("2")}, "\n") + "\n")
	f.Add(begin("1", "") + "\n" + `{"put":{"kind":"secret","name":"s","hash":"h","body":{"name":"s","key":"K"}}}` + "\n" + commit("1") + "\n")
	f.Add(`{"beat":{}}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := deliver.NewClient(deliver.ClientConfig{
			Log: slog.New(slog.DiscardHandler),
			Apply: func(s *ir.Snapshot) ir.Ack {
				if err := s.Check(); err != nil {
					t.Errorf("applied although %v", err)
				}
				_ = ir.Format(s)
				return ir.Ack{Version: s.Version}
			},
		})
		if err := c.Receive(strings.NewReader(text)); err == nil {
			t.Error("the end is no error")
		}
	})
}

// FuzzHello: whatever a proxy says first, the controller does not fail over it.
func FuzzHello(f *testing.F) {
	f.Add(hello + "\n")
	f.Add(`{"hello":{"schema":1,"have":{"route":{"r":"h"}}}}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		_ = deliver.NewServer(deliver.ServerConfig{}).Greet(strings.NewReader(text))
	})
}
