package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
)

// state keeps the last snapshot in a file, for a start without a controller.
type state struct {
	dir   string
	saved *ir.Snapshot
}

func (s *state) path() string { return filepath.Join(s.dir, "snapshot.json") }

// open applies the snapshot in the file, if there is one. A file that is no good is
// as good as none: the controller will send what there should be.
func (s *state) open(p *proxy.Proxy) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("keep snapshots: %w", err)
	}
	data, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var snapshot *ir.Snapshot
	if err == nil {
		snapshot, err = ir.Unmarshal(data)
	}
	if err != nil {
		p.Log().Warn("kept snapshot not applied", "file", s.path(), "error", err)
		return nil
	}
	p.Apply(snapshot)
	s.saved = snapshot
	p.Log().Info("kept snapshot applied", "file", s.path(), "version", snapshot.Version)
	return nil
}

// saveEvery bounds how much work writing makes while snapshots come quickly.
const saveEvery = 5 * time.Second

// keep writes what is in force until the context ends, and once more then.
func (s *state) keep(ctx context.Context, p *proxy.Proxy) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-ticker.C:
		}
		if err := s.save(p.Snapshot()); err != nil {
			p.Log().Warn("snapshot not kept", "error", err)
		}
	}
}

// save writes a snapshot unless it is there already. The file is complete at all
// times.
func (s *state) save(snapshot *ir.Snapshot) error {
	if snapshot == nil || snapshot == s.saved {
		return nil
	}
	data, err := ir.MarshalSecrets(snapshot)
	if err != nil {
		return err
	}
	draft := s.path() + ".new"
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := os.Rename(draft, s.path()); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	s.saved = snapshot
	return nil
}
