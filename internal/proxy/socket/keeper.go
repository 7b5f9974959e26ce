package socket

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// base is the zero of the clock that deadlines are stated in.
var base = time.Now()

// Now is the time on that clock, in nanoseconds. It never goes back.
func Now() int64 { return int64(time.Since(base)) }

// Tick is how often a Keeper looks at its connections, and so how late a
// deadline may be noticed.
const Tick = 250 * time.Millisecond

// longWait is how long a connection idles before it is parked. Shorter waits are
// not worth the calls that parking costs.
const longWait = int64(time.Second)

// A Keeper watches over connections: it interrupts those whose phase lasts too
// long, parks those that idle, and wakes parked ones when bytes arrive.
type Keeper struct {
	mu    sync.Mutex
	conns []*Conn
	hooks []func(now int64)
	now   atomic.Int64
	// parkings counts how often a connection was parked.
	parkings atomic.Uint64

	poller poller
}

// NewKeeper makes a keeper; its Run must be running while it has connections.
func NewKeeper() (*Keeper, error) {
	k := &Keeper{}
	k.now.Store(Now())
	if err := k.poller.open(); err != nil {
		return nil, fmt.Errorf("open the poller for idle connections: %w", err)
	}
	return k, nil
}

// EveryTick has f called on each tick, with the time. It must be called before
// Run, and f must not block.
func (k *Keeper) EveryTick(f func(now int64)) { k.hooks = append(k.hooks, f) }

// Coarse is the time of the last tick; it costs one load.
func (k *Keeper) Coarse() int64 { return k.now.Load() }

// Parkings is how often a connection was parked until now.
func (k *Keeper) Parkings() uint64 { return k.parkings.Load() }

// Len is the number of connections, parked ones included.
func (k *Keeper) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.conns)
}

// Run keeps the connections until the context ends.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(k.poller.run)
	ticker := time.NewTicker(Tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			k.poller.close()
			wg.Wait()
			return
		case <-ticker.C:
			now := Now()
			k.now.Store(now)
			k.sweep(now)
			for _, f := range k.hooks {
				f(now)
			}
		}
	}
}

func (k *Keeper) add(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.index = len(k.conns)
	k.conns = append(k.conns, c)
}

func (k *Keeper) remove(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.index < 0 {
		return
	}
	last := len(k.conns) - 1
	k.conns[c.index] = k.conns[last]
	k.conns[c.index].index = c.index
	k.conns[last] = nil
	k.conns = k.conns[:last]
	c.index = -1
}

// sweep looks at every connection once. Interrupting one only sets a deadline
// that the runtime notices, so holding the lock meanwhile is cheap.
func (k *Keeper) sweep(now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		if c.tick != nil {
			c.tick(now)
		}
		if by := c.writeBy.Load(); by != 0 && now >= by {
			_ = c.tcp.SetWriteDeadline(past)
		}
		if by := c.deadline.Load(); by != 0 && now >= by {
			if !k.wake(c) {
				c.kick(kickExpired)
			}
			continue
		}
		k.considerWait(c, now)
	}
}

// considerWait interrupts waits that are long, but not too long: an idle
// connection is to be parked, and one that waits for a message head may look
// whether the answer is still wanted.
func (k *Keeper) considerWait(c *Conn, now int64) {
	state := c.state.Load()
	phase := Phase(state)
	if phase != Idle && (phase != Head || c.check == nil) || c.park.parked.Load() {
		return
	}
	if turn := uint32(state >> 8); turn != c.seenTurn || c.seenAt == 0 {
		c.seenTurn, c.seenAt = turn, now
		return
	}
	if now-c.seenAt < longWait {
		return
	}
	c.seenAt = now
	if phase == Idle {
		c.kick(kickPark)
	} else {
		c.kick(kickCheck)
	}
}

// parkState belongs to a parked connection.
type parkState struct {
	parked     atomic.Bool
	registered bool  // with the poller's epoll instance; guarded by its lock
	fd         int32 // guarded by the poller's lock
	resume     func()
}

// Park has resume called in a new goroutine when bytes arrive, the deadline
// passes, or the connection is drained; the calling goroutine should end. The
// connection must be in phase Idle. On error nothing was parked.
func (c *Conn) Park(resume func()) error {
	c.keeper.parkings.Add(1)
	c.park.resume = resume
	c.park.parked.Store(true)
	if err := c.keeper.poller.watch(c); err != nil {
		if c.park.parked.CompareAndSwap(true, false) {
			return fmt.Errorf("park idle connection: %w", err)
		}
		return nil // woken meanwhile; resume has it
	}
	// A drain that came before the connection was parked found nobody to wake.
	if c.Draining() {
		c.keeper.wake(c)
	}
	return nil
}

// wake starts the goroutine of a parked connection; whoever is first of the
// poller, the keeper and Drain does it. False means it was not parked.
func (k *Keeper) wake(c *Conn) bool {
	if !c.park.parked.CompareAndSwap(true, false) {
		return false
	}
	k.poller.forget(c)
	go c.park.resume()
	return true
}

// poller waits for parked connections with an epoll instance of its own, which
// in turn waits in the runtime's, so that no thread is held.
type poller struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	mu    sync.Mutex
	conns map[int32]*Conn // by file descriptor
}

func (p *poller) open() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	p.fd, p.conns = fd, map[int32]*Conn{}
	p.file = os.NewFile(uintptr(fd), "epoll")
	p.raw, err = p.file.SyscallConn()
	return err
}

func (p *poller) close() { _ = p.file.Close() }

// watch asks for one event of a parked connection.
func (p *poller) watch(c *Conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errno error
	err := c.raw.Control(func(fd uintptr) {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | oneShot, Fd: int32(fd)}
		op := syscall.EPOLL_CTL_ADD
		if c.park.registered {
			op = syscall.EPOLL_CTL_MOD
		}
		errno = syscall.EpollCtl(p.fd, op, int(fd), &event)
		c.park.fd = int32(fd)
	})
	if err != nil {
		return err
	}
	if errno != nil {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	c.park.registered = true
	p.conns[c.park.fd] = c
	return nil
}

const oneShot = 1 << 30 // EPOLLONESHOT

// forget takes the connection off the list, so that a late event of its file
// descriptor finds nobody.
func (p *poller) forget(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.park.fd] == c {
		delete(p.conns, c.park.fd)
	}
}

func (p *poller) find(fd int32) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns[fd]
}

// run wakes connections until the poller is closed.
func (p *poller) run() {
	events := make([]syscall.EpollEvent, 64)
	for {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			var err error
			n, err = syscall.EpollWait(int(fd), events, 0)
			return n > 0 || (err != nil && err != syscall.EINTR)
		})
		if err != nil || n < 0 {
			return
		}
		for _, e := range events[:n] {
			if c := p.find(e.Fd); c != nil {
				c.keeper.wake(c)
			}
		}
	}
}
