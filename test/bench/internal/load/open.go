package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Open is an open loop over plain HTTP: requests are sent when they are due,
// whether or not the server has kept up.
type Open struct {
	Addr string
	// Rate is how many requests are due in a second, on average.
	Rate float64
	// Conns is how many connections there are. A request that finds all of them
	// busy waits, and the wait counts.
	Conns    int
	Duration time.Duration
	// Requests are sent in turn.
	Requests [][]byte
	// Seed chooses the times; see schedule.
	Seed uint64
}

// Run runs the load until all answers are there, or the context ends.
func (l Open) Run(ctx context.Context) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	preciseTimers()
	p, err := newPoller()
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	r := &openRun{
		Open: l, poller: p, schedule: newSchedule(l.Rate, l.Seed),
		latencies: make([]time.Duration, 0, int(1.1*l.Rate*l.Duration.Seconds())+100),
	}
	defer r.closeAll()
	for i := range l.Conns {
		r.conns = append(r.conns, openConn{fd: -1, buf: make([]byte, readSize)})
		if err := r.connect(i); err != nil {
			return Result{}, err
		}
	}
	r.begun = time.Now()
	if err := r.loop(ctx); err != nil {
		return Result{}, err
	}
	r.result.Elapsed = max(l.Duration, time.Since(r.begun))
	r.result.Count = float64(len(r.latencies))
	r.result.Latency = latencyOf(r.latencies)
	return r.result, nil
}

// openRun is one run of an open loop.
type openRun struct {
	Open
	poller   *poller
	schedule *schedule
	begun    time.Time

	conns   []openConn
	free    []int           // connections without a request, longest idle first
	waiting []time.Duration // requests that are due and have no connection yet
	sent    int

	latencies []time.Duration
	result    Result
}

type openConn struct {
	fd   int
	buf  []byte
	have int
	due  time.Duration // of the request in progress
	busy bool
}

// loop sends what is due and takes what has come, until nothing is left.
func (r *openRun) loop(ctx context.Context) error {
	const lookUp = 100 * time.Millisecond // at the context
	for ctx.Err() == nil {
		now := time.Since(r.begun)
		for r.schedule.due() <= min(now, r.Duration) {
			r.waiting = append(r.waiting, r.schedule.due())
			r.schedule.advance()
		}
		if err := r.sendWaiting(); err != nil {
			return err
		}
		over := r.schedule.due() > r.Duration
		if over && len(r.waiting) == 0 && len(r.free) == len(r.conns) {
			return nil
		}
		if now > r.Duration+patience {
			return r.abandon()
		}
		timeout := lookUp
		if !over {
			timeout = min(r.schedule.due()-time.Since(r.begun), lookUp)
		}
		ready, err := r.poller.wait(timeout)
		if err != nil {
			return err
		}
		for _, event := range ready {
			if err := r.read(int(event.Fd)); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// sendWaiting gives free connections to waiting requests.
func (r *openRun) sendWaiting() error {
	for len(r.waiting) > 0 && len(r.free) > 0 {
		i := r.free[0]
		r.free = r.free[1:]
		c := &r.conns[i]
		c.due, c.busy, c.have = r.waiting[0], true, 0
		r.waiting = r.waiting[1:]
		request := r.Requests[r.sent%len(r.Requests)]
		r.sent++
		if err := send(c.fd, request); err != nil {
			if err := r.lose(i, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// send writes a request, which always fits an idle connection's buffer.
func send(fd int, request []byte) error {
	n, err := syscall.Write(fd, request)
	if err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	if n < len(request) {
		return fmt.Errorf("send request: %w", io.ErrShortWrite)
	}
	return nil
}

// read takes what has come on a connection.
func (r *openRun) read(i int) error {
	c := &r.conns[i]
	n, err := syscall.Read(c.fd, c.buf[c.have:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return r.lose(i, fmt.Errorf("read response: %w", err))
	case n == 0:
		return r.lose(i, fmt.Errorf("read response: %w", io.EOF))
	case !c.busy:
		return r.lose(i, errors.New("bytes came that nobody asked for"))
	}
	c.have += n
	size, err := responseSize(c.buf[:c.have])
	switch {
	case err != nil:
		return r.lose(i, err)
	case size == 0 && c.have < len(c.buf), c.have < size && size <= len(c.buf):
		return nil // more to come
	case c.have != size:
		return r.lose(i, fmt.Errorf("the answer has %d bytes, %d came", size, c.have))
	}
	r.latencies = append(r.latencies, time.Since(r.begun)-c.due)
	c.busy = false
	r.free = append(r.free, i)
	return nil
}

// lose counts an error and replaces the connection.
func (r *openRun) lose(i int, err error) error {
	const giveUp = 1000
	if r.result.fail(err); r.result.Errors > giveUp {
		return fmt.Errorf("more than %d errors, the first: %w", giveUp, r.result.Problem)
	}
	if !r.conns[i].busy {
		r.removeFree(i)
	}
	return r.connect(i)
}

func (r *openRun) removeFree(i int) {
	r.free = slices.DeleteFunc(r.free, func(j int) bool { return j == i })
}

// connect makes a connection, in place of another one if there was one.
func (r *openRun) connect(i int) error {
	c := &r.conns[i]
	if c.fd >= 0 {
		_ = syscall.Close(c.fd) // which also ends the watching
		c.fd = -1
	}
	fd, err := connectRaw(r.Addr)
	if err != nil {
		return err
	}
	c.fd, c.busy, c.have = fd, false, 0
	r.free = append(r.free, i)
	return r.poller.add(fd, i)
}

// abandon counts requests that were never answered, as late as they are by now.
func (r *openRun) abandon() error {
	now := time.Since(r.begun)
	err := fmt.Errorf("no answer %v after the last request", patience)
	for _, c := range r.conns {
		if c.busy {
			r.result.fail(err)
			r.latencies = append(r.latencies, now-c.due)
		}
	}
	for _, due := range r.waiting {
		r.result.fail(err)
		r.latencies = append(r.latencies, now-due)
	}
	return nil
}

func (r *openRun) closeAll() {
	for _, c := range r.conns {
		if c.fd >= 0 {
			_ = syscall.Close(c.fd)
		}
	}
}
