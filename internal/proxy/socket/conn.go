package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Conn is a TCP connection. One goroutine at a time may read, and one may write;
// Enter, Abort, Drain and Close may be called from any.
//
// Conn implements net.Conn, so that crypto/tls can sit on top of it.
type Conn struct {
	tcp    *net.TCPConn
	raw    syscall.RawConn
	keeper *Keeper

	// The deadline state machine. state is turn<<8 | phase: the turn tells the
	// keeper whether an idle connection is still in the same wait.
	turn     uint32
	state    atomic.Uint64
	deadline atomic.Int64
	writeBy  atomic.Int64
	kicks    atomic.Uint32
	// stall bounds a single wait for a peer that does not read.
	stall atomic.Int64
	// exact is set while the runtime's own timer guards the phase too.
	exact bool

	read  readOp
	write writeOp
	// check is asked during long waits for a message head.
	check func() error
	// tick is called by the keeper; guarded by its lock.
	tick func(now int64)
	// peek and readable serve Readable; made on first use.
	peek     func(fd uintptr)
	readable bool
	// in and out spread bytes over time; nil for those that nobody limits.
	in, out Shaper

	// Fields of the keeper.
	index    int // in its list; -1 when not in it
	seenTurn uint32
	seenAt   int64
	park     parkState
}

// readOp is the state of the read in progress; the functions are made once per
// connection so that a read allocates nothing.
type readOp struct {
	buf   []byte
	n     int
	errno syscall.Errno
	out   []byte // the request of WriteThenRead, as far as it is not out
	asked bool   // its first write was tried
	try   func(fd uintptr) bool
	ask   func(fd uintptr) bool
	wait  func(fd uintptr) bool // made on first use
	// hold calls step with the file descriptor at hand; made on first use.
	hold func(fd uintptr) bool
	step func() (wait bool)
	fd   uintptr
}

type writeOp struct {
	pieces [3][]byte // not written yet, in order
	errno  syscall.Errno
	try    func(fd uintptr) bool
}

// NewConn takes over a TCP connection and puts it under the keeper's watch, in
// phase Opening with the given deadline.
func NewConn(tcp *net.TCPConn, keeper *Keeper, by int64) (*Conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &Conn{tcp: tcp, raw: raw, keeper: keeper, index: -1}
	c.stall.Store(int64(5 * time.Minute))
	c.read.try = c.tryRead
	c.read.ask = c.tryAsk
	c.write.try = c.tryWrite
	c.deadline.Store(by)
	keeper.add(c)
	return c, nil
}

// Enter moves the connection to a phase that must end by the given time on the
// keeper's clock; 0 means that something else bounds it. Only the goroutine that
// reads may call it.
func (c *Conn) Enter(p Phase, by int64) {
	c.turn++
	if c.exact {
		c.exact = false
		_ = c.tcp.SetReadDeadline(time.Time{})
	}
	c.deadline.Store(by)
	c.state.Store(uint64(c.turn)<<8 | uint64(p))
}

// EnterExact is Enter with a timer of the runtime, for deadlines that users
// state in milliseconds.
func (c *Conn) EnterExact(p Phase, by int64) {
	c.Enter(p, by)
	c.exact = true
	_ = c.tcp.SetReadDeadline(base.Add(time.Duration(by)))
}

// Phase is the current phase.
func (c *Conn) Phase() Phase { return Phase(c.state.Load()) }

// SetStall bounds a single wait for a peer that does not read. Default 5 min.
func (c *Conn) SetStall(d time.Duration) { c.stall.Store(int64(d)) }

// Stall is what SetStall set.
func (c *Conn) Stall() time.Duration { return time.Duration(c.stall.Load()) }

// Abort makes the current and every later read return ErrAborted.
func (c *Conn) Abort() { c.kick(kickAbort) }

// Drain makes a read of an idle connection return ErrDraining, now or when the
// connection next idles.
func (c *Conn) Drain() {
	c.kick(kickDrain)
	c.keeper.wake(c)
}

func (c *Conn) kick(why uint32) {
	c.kicks.Or(why)
	_ = c.tcp.SetReadDeadline(past)
}

// past is any time before now.
var past = time.Unix(1, 0)

// interrupted says what a read that met the runtime's deadline should return;
// nil means that the interruption is out of date and the read goes on.
func (c *Conn) interrupted() error {
	kicks := c.kicks.Load()
	if kicks&kickAbort != 0 {
		return ErrAborted
	}
	by := c.deadline.Load()
	expired := by != 0 && Now() >= by
	idle := c.Phase() == Idle
	// Clear first, then look again: a kick that comes between is seen either by
	// the second look or by the deadline it sets.
	c.kicks.And(^(kickExpired | kickPark | kickCheck))
	if c.exact && !expired {
		_ = c.tcp.SetReadDeadline(base.Add(time.Duration(by)))
	} else {
		_ = c.tcp.SetReadDeadline(time.Time{})
	}
	again := c.kicks.Load()
	switch {
	case again&kickAbort != 0:
		return ErrAborted
	case expired:
		return ErrTimeout
	case idle && (kicks|again)&kickDrain != 0:
		return ErrDraining
	case idle && kicks&kickPark != 0:
		return ErrParkable
	case (kicks&kickCheck != 0 || again&kickDrain != 0) && c.check != nil:
		return c.check()
	}
	return nil
}

// SetCheck has check called by the reading goroutine about once a second while
// it waits for a message head, after Nudge, and when the connection is drained
// while it does not idle; an error ends the wait. It is set before the connection
// is used.
func (c *Conn) SetCheck(check func() error) { c.check = check }

// Nudge has the reading goroutine call the function of SetCheck.
func (c *Conn) Nudge() { c.kick(kickCheck) }

// OnTick has f called on each of the keeper's ticks, with the time, for as long as
// the connection is open. It is set before the connection is used; f must not
// block, nor close a connection.
func (c *Conn) OnTick(f func(now int64)) {
	c.keeper.mu.Lock()
	defer c.keeper.mu.Unlock()
	c.tick = f
}

// Draining reports whether Drain was called.
func (c *Conn) Draining() bool { return c.kicks.Load()&kickDrain != 0 }

func (c *Conn) tryRead(fd uintptr) bool {
	c.read.n, c.read.errno = rawRead(fd, c.read.buf)
	return c.read.errno != syscall.EAGAIN
}

// Read implements io.Reader. A Draining connection that is Idle does not block.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.read.buf = c.room(p)
	return c.finishRead(c.raw.Read(c.read.try))
}

func (c *Conn) finishRead(err error) (int, error) {
	for err != nil {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			c.read.buf = nil
			return 0, err
		}
		if err := c.interrupted(); err != nil {
			c.read.buf = nil
			return 0, err
		}
		err = c.raw.Read(c.read.try)
	}
	c.read.buf = nil
	if c.read.errno != 0 {
		return 0, os.NewSyscallError("read", c.read.errno)
	}
	if c.read.n == 0 {
		return 0, io.EOF
	}
	c.took(c.read.n)
	return c.read.n, nil
}

// Hold runs step, and runs it again each time the connection becomes readable,
// until step returns false. All of it is one read operation: bytes that come while
// step works are not missed, so after a read that did not fill its buffer step
// need not read once more, to find nothing, before it waits. Only an end of stream
// that came together with the last bytes goes unnoticed until the connection is
// parked. step reads with TryRead and may block on other connections, but must not
// read from this one in another way, nor close it.
//
// An error is why waiting ended, as for Read.
func (c *Conn) Hold(step func() (wait bool)) error {
	c.read.step = step
	if c.read.hold == nil {
		c.read.hold = func(fd uintptr) bool {
			c.read.fd = fd
			return !c.read.step()
		}
	}
	err := c.raw.Read(c.read.hold)
	for errors.Is(err, os.ErrDeadlineExceeded) {
		if err = c.interrupted(); err == nil {
			err = c.raw.Read(c.read.hold)
		}
	}
	c.read.step = nil
	return err
}

// TryRead reads without waiting, from within the step of Hold. again means that
// there is nothing now.
func (c *Conn) TryRead(p []byte) (n int, again bool, err error) {
	n, errno := rawRead(c.read.fd, c.room(p))
	switch {
	case n > 0:
		c.took(n)
		return n, false, nil
	case errno == syscall.EAGAIN:
		return 0, true, nil
	case errno != 0:
		return 0, false, os.NewSyscallError("read", errno)
	}
	return 0, false, io.EOF
}

// Coarse is the time of the keeper's last tick, good enough for deadlines.
func (c *Conn) Coarse() int64 { return c.keeper.Coarse() }

// WaitReadable waits until a read would find something.
func (c *Conn) WaitReadable() error {
	if c.read.wait == nil {
		c.read.wait = func(fd uintptr) bool {
			// Once the runtime says so, believe it: being wrong costs no more than a
			// read that waits.
			if c.read.asked {
				return true
			}
			c.read.asked = true
			return rawReadable(fd)
		}
	}
	for {
		c.read.asked = false
		err := c.raw.Read(c.read.wait)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := c.interrupted(); err != nil {
			return err
		}
	}
}

// WriteThenRead writes out and waits for the first bytes of the answer. It must
// only be called when nothing of an earlier answer can still arrive: then the
// socket becomes readable after the write and not before, and the read that
// would find nothing is left out.
func (c *Conn) WriteThenRead(out, in []byte) (int, error) {
	c.read.out, c.read.buf, c.read.asked = out, in, false
	err := c.raw.Read(c.read.ask)
	if err == nil && len(c.read.out) > 0 {
		// The kernel took a part only, or refused.
		rest := c.read.out
		if _, err := c.Write(rest); err != nil {
			return 0, err
		}
		return c.Read(in)
	}
	if err != nil && !c.read.asked {
		// Interrupted before the write: look why, and if it is out of date write
		// in the ordinary way.
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := c.interrupted(); err != nil {
			return 0, err
		}
		if _, err := c.Write(out); err != nil {
			return 0, err
		}
		return c.Read(in)
	}
	return c.finishRead(err)
}

// tryAsk runs with the socket's readiness already reset, so that an answer to
// what it writes cannot slip by unseen.
func (c *Conn) tryAsk(fd uintptr) bool {
	if c.read.asked {
		return c.tryRead(fd)
	}
	c.read.asked = true
	n, errno := rawWrite(fd, c.read.out)
	if errno != 0 {
		return true
	}
	c.read.out = c.read.out[n:]
	return len(c.read.out) > 0
}

func (c *Conn) tryWrite(fd uintptr) bool {
	w := &c.write
	var iov [3]syscall.Iovec
	for {
		count, first := 0, -1
		for i, p := range w.pieces {
			if len(p) > 0 {
				iov[count].Base, iov[count].Len = unsafe.SliceData(p), uint64(len(p))
				if count++; first < 0 {
					first = i
				}
			}
		}
		var n int
		switch count {
		case 0:
			w.errno = 0
			return true
		case 1:
			n, w.errno = rawWrite(fd, w.pieces[first])
		default:
			n, w.errno = rawWritev(fd, iov[:count])
		}
		if w.errno == syscall.EAGAIN {
			c.writeBy.Store(Now() + c.stall.Load())
			return false
		}
		if w.errno != 0 {
			return true
		}
		for i := range w.pieces {
			took := min(n, len(w.pieces[i]))
			w.pieces[i] = w.pieces[i][took:]
			n -= took
		}
	}
}

// Write implements io.Writer.
func (c *Conn) Write(p []byte) (int, error) { return c.Write3(p, nil, nil) }

// Write3 writes three pieces, in one call to the kernel where it takes them.
func (c *Conn) Write3(a, b, d []byte) (int, error) {
	if c.shapedOut() {
		return c.writeShaped(a, b, d)
	}
	return c.write3(a, b, d)
}

func (c *Conn) write3(a, b, d []byte) (int, error) {
	w := &c.write
	w.pieces = [3][]byte{a, b, d}
	all := len(a) + len(b) + len(d)
	for {
		err := c.raw.Write(w.try)
		if c.writeBy.Load() == 0 && err == nil && w.errno == 0 {
			w.pieces = [3][]byte{}
			return all, nil
		}
		stalled := c.writeBy.Swap(0)
		left := len(w.pieces[0]) + len(w.pieces[1]) + len(w.pieces[2])
		switch {
		case err == nil && w.errno == 0:
			return all, nil
		case err == nil:
			err = os.NewSyscallError("write", w.errno)
		case errors.Is(err, os.ErrDeadlineExceeded):
			_ = c.tcp.SetWriteDeadline(time.Time{})
			if stalled == 0 || Now() < stalled {
				continue
			}
			err = ErrTimeout
		}
		w.pieces = [3][]byte{}
		return all - left, err
	}
}

// Readable reports, without waiting, whether a read would find something: bytes,
// the peer's end of stream, or an error. A pooled connection on which it is true
// is of no use any more.
func (c *Conn) Readable() bool {
	if c.peek == nil {
		c.peek = func(fd uintptr) { c.readable = rawReadable(fd) }
	}
	return c.raw.Control(c.peek) != nil || c.readable
}

// HungUp reports, without waiting, whether the peer has closed its side, even if
// unread bytes lie before its end of stream.
func (c *Conn) HungUp() bool {
	gone := false
	err := c.raw.Control(func(fd uintptr) { gone = rawHungUp(fd) })
	return err != nil || gone
}

// Close closes the connection. Reads and writes in progress fail.
func (c *Conn) Close() error {
	c.keeper.remove(c)
	return c.tcp.Close()
}

// Shutdown ends the connection in both directions, from any goroutine; whoever
// uses it finds out and closes it.
func (c *Conn) Shutdown() {
	c.kick(kickAbort)
	_ = c.raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	c.keeper.wake(c)
}

// Reset closes the connection with a TCP reset, without lingering.
func (c *Conn) Reset() error {
	_ = c.tcp.SetLinger(0)
	return c.Close()
}

// CloseWrite ends the stream towards the peer.
func (c *Conn) CloseWrite() error { return c.tcp.CloseWrite() }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.tcp.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.tcp.RemoteAddr() }

// SetDeadline, SetReadDeadline and SetWriteDeadline implement net.Conn and do
// nothing: deadlines belong to the phases. crypto/tls sets one in its Close, so
// that the alert it sends cannot block; the stall timeout bounds that.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, see SetDeadline.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
