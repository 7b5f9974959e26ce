package telemetry

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// AccessLog writes a line of JSON for each request.
type AccessLog struct {
	w       io.Writer
	fields  []field
	dropped func()
	warn    func(error)

	mu      sync.Mutex
	pending []byte
	wake    chan struct{}
}

// LogConfig says where the access log goes and what is in it.
type LogConfig struct {
	Writer io.Writer
	// Fields by name; none means the usual ones.
	Fields []string
	// Dropped is called for each line that could not be kept.
	Dropped func()
	// Warn is called when lines could not be written.
	Warn func(error)
}

const (
	// flushEvery bounds how long a line waits, flushSize how many wait.
	flushEvery = 100 * time.Millisecond
	flushSize  = 64 << 10
	// maxPending bounds the memory that a slow reader can cost.
	maxPending = 4 << 20
)

// NewAccessLog makes a log; its Run must be running for lines to be written.
func NewAccessLog(c LogConfig) (*AccessLog, error) {
	selected, err := selectFields(c.Fields)
	if err != nil {
		return nil, err
	}
	return &AccessLog{
		w: c.Writer, fields: selected, dropped: c.Dropped, warn: c.Warn, wake: make(chan struct{}, 1),
		pending: make([]byte, 0, 2*flushSize),
	}, nil
}

// Add logs a request. It never waits for the writer.
func (l *AccessLog) Add(r *Record) {
	now := time.Now()
	l.mu.Lock()
	before := len(l.pending)
	if before > maxPending {
		l.mu.Unlock()
		l.dropped()
		return
	}
	l.pending = appendRecord(l.pending, r, l.fields, now)
	after := len(l.pending)
	l.mu.Unlock()
	if before < flushSize && after >= flushSize {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// Run writes lines until the context ends, and then what is left.
func (l *AccessLog) Run(ctx context.Context) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	spare := make([]byte, 0, 2*flushSize)
	for {
		done := false
		select {
		case <-ctx.Done():
			done = true
		case <-ticker.C:
		case <-l.wake:
		}
		l.mu.Lock()
		lines := l.pending
		l.pending = spare[:0]
		l.mu.Unlock()
		if len(lines) > 0 {
			if _, err := l.w.Write(lines); err != nil {
				l.warn(fmt.Errorf("write access log: %w", err))
			}
		}
		if spare = lines; cap(spare) > 4*flushSize {
			spare = make([]byte, 0, 2*flushSize)
		}
		if done {
			return
		}
	}
}
