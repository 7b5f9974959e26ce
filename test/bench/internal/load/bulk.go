package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Bulk takes in whatever the server sends, as fast as it comes. Its count is
// megabytes of 1,000,000 bytes.
type Bulk struct {
	Target   Target
	Clients  int
	Duration time.Duration
}

// Run runs the load for its duration, or until the context ends.
func (l Bulk) Run(ctx context.Context) (Result, error) {
	begun := time.Now()
	var mu sync.Mutex
	var sum Result
	var wg sync.WaitGroup
	for range l.Clients {
		wg.Go(func() {
			n, err := l.take(ctx, begun.Add(l.Duration))
			mu.Lock()
			defer mu.Unlock()
			sum.Count += float64(n) / 1e6
			if err != nil && ctx.Err() == nil {
				sum.fail(err)
			}
		})
	}
	wg.Wait()
	sum.Elapsed = time.Since(begun)
	return sum, ctx.Err()
}

// take reads until the end of the time.
func (l Bulk) take(ctx context.Context, end time.Time) (int64, error) {
	c, err := l.Target.Dial(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })
	defer stop()
	_ = c.SetReadDeadline(end)
	buf := make([]byte, 256<<10)
	for sum := int64(0); ; {
		n, err := c.Read(buf)
		sum += int64(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return sum, nil
		}
		if err != nil {
			return sum, fmt.Errorf("read: %w", err)
		}
	}
}
