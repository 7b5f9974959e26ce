package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
)

// reread is how often a snapshot file is looked at.
const reread = 500 * time.Millisecond

// SnapshotFile feeds the proxy from a file of JSON, and again whenever the file
// changes. A file that cannot be read or decoded leaves the last good snapshot
// in force; the first one must be good.
func SnapshotFile(path string) Feed {
	return func(ctx context.Context, p *proxy.Proxy) error {
		var applied []byte
		var lastProblem string
		ticker := time.NewTicker(reread)
		defer ticker.Stop()
		for {
			data, err := os.ReadFile(path)
			if err == nil && !bytes.Equal(data, applied) {
				var s *ir.Snapshot
				if s, err = ir.Unmarshal(data); err == nil {
					p.Apply(s)
				} else {
					p.Stats().Rejected.Add(1)
				}
			}
			switch {
			case err == nil:
				applied, lastProblem = data, ""
			case applied == nil:
				return fmt.Errorf("serve snapshot %s: %w", path, err)
			case err.Error() != lastProblem:
				lastProblem = err.Error()
				p.Log().Error("snapshot not applied; the last good one stays in force", "file", path, "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}
}
