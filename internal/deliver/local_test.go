package deliver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/ir"
)

// TestLocal: while the proxy is busy with one mesh all but the last of the
// others are skipped, an unchanged snapshot is answered without being applied
// again, and conflicts come back as failures.
func TestLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var applied, answered []string
		l := deliver.NewLocal(
			func(m *ir.Mesh) *ir.Snapshot {
				version := ""
				for name := range m.Gateways {
					version = string(name)
				}
				return &ir.Snapshot{Version: version, Conflicts: []ir.Failure{{Reason: "Taken"}}}
			},
			func(s *ir.Snapshot) ir.Ack {
				time.Sleep(time.Second)
				applied = append(applied, s.Version)
				return ir.Ack{Version: s.Version, Failures: []ir.Failure{{Reason: "Broken"}}}
			},
			func(_ *ir.Mesh, a ir.Ack) {
				mu.Lock()
				defer mu.Unlock()
				answered = append(answered, fmt.Sprint(a.Version, a.Failures))
			})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		publish := func(version string) {
			m := ir.NewMesh()
			m.Gateways[ir.GatewayName(version)] = nil
			l.Publish(m)
		}
		publish("1")
		go func() {
			l.Run(ctx)
			close(done)
		}()
		synctest.Wait()
		for i := range 5 {
			publish(fmt.Sprint(i + 2))
		}
		time.Sleep(10 * time.Second)
		publish("6")
		time.Sleep(10 * time.Second)
		cancel()
		<-done
		if got := fmt.Sprint(applied); got != "[1 6]" {
			t.Errorf("applied %s", got)
		}
		want := "[1[{ [] Broken } { [] Taken }] 6[{ [] Broken } { [] Taken }] 6[{ [] Broken } { [] Taken }]]"
		if got := fmt.Sprint(answered); got != want {
			t.Errorf("answered %s\nwant     %s", got, want)
		}
	})
}
