package socket

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"fsm/internal/proxy/buffer"
)

// Pump is one direction of a relay between two plain connections.
//
// It waits without a buffer, and moves bulk through a pipe in the kernel: a relay
// that idles costs next to no memory, and one that carries much never copies it.
type Pump struct {
	Dst, Src *Conn
	// Active, shared by both directions, is when a byte last moved.
	Active *atomic.Int64
	// Idle ends the pump when nothing moved in either direction for so long.
	Idle time.Duration
	// Moved counts bytes while they move.
	Moved *atomic.Uint64

	pipe *pipe
	full int // reads in a row that filled the buffer
	err  error
	move func(fd uintptr) bool
	out  func(fd uintptr) bool
	left int // bytes in the pipe
}

// bulkAfter is how many full reads in a row make a transfer a bulk one.
const bulkAfter = 3

// Run moves bytes until the source ends, and then ends the destination's stream.
func (p *Pump) Run() error {
	p.move, p.out = p.step, p.drainStep
	defer p.dropPipe()
	for {
		p.Src.Enter(Tunnel, p.Active.Load()+int64(p.Idle))
		err := p.Src.raw.Read(p.move)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		err = p.Src.interrupted()
		if err == ErrTimeout && Now() < p.Active.Load()+int64(p.Idle) {
			err = nil // the other direction was busy
		}
		if err != nil {
			return err
		}
	}
	if p.err == io.EOF {
		return p.Dst.CloseWrite()
	}
	return p.err
}

// Forward sends bytes that were read before, ahead of all others.
func (p *Pump) Forward(ahead []byte) error {
	if len(ahead) == 0 {
		return nil
	}
	p.count(len(ahead))
	_, err := p.Dst.Write(ahead)
	return err
}

func (p *Pump) count(n int) {
	p.Moved.Add(uint64(n))
	p.Active.Store(p.Src.keeper.Coarse())
}

// step reads until there is nothing more. A short read is not believed to have
// emptied the socket: the end of the stream often comes together with the last
// bytes, and is not announced again. It returns true when the pump has to end.
func (p *Pump) step(fd uintptr) bool {
	for {
		if p.full >= bulkAfter && !p.Src.shapedIn() && !p.Dst.shapedOut() {
			if again, done := p.spliceStep(fd); done || !again {
				return done
			}
			continue
		}
		buf := buffer.Get(buffer.Medium)
		n, errno := rawRead(fd, p.Src.room(buf.B))
		if n > 0 {
			p.Src.took(n)
			p.count(n)
			_, p.err = p.Dst.Write(buf.B[:n])
		}
		buf.Put()
		switch {
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			p.err = os.NewSyscallError("read", errno)
		case n == 0:
			p.err = io.EOF
		}
		if p.err != nil {
			return true
		}
		if p.full++; n < buffer.Medium {
			p.full = 0
		}
	}
}

// spliceStep moves what there is through a pipe. again asks for another step
// right away; done says that the pump has to end.
func (p *Pump) spliceStep(fd uintptr) (again, done bool) {
	if p.pipe == nil {
		if p.pipe, p.err = getPipe(); p.err != nil {
			return false, true
		}
	}
	n, errno := splice(fd, p.pipe.w, pipeSize)
	switch {
	case errno == syscall.EAGAIN:
		// Idle now; the pipe can serve another relay meanwhile.
		p.dropPipe()
		p.full = 0
		return false, false
	case errno != 0:
		p.err = os.NewSyscallError("splice", errno)
		return false, true
	case n == 0:
		p.err = io.EOF
		return false, true
	}
	p.count(n)
	p.left = n
	if err := p.Dst.raw.Write(p.out); err != nil && p.err == nil {
		p.err = err
	}
	p.Dst.writeBy.Store(0)
	return true, p.err != nil
}

// drainStep empties the pipe into the destination.
func (p *Pump) drainStep(fd uintptr) bool {
	for p.left > 0 {
		n, errno := splice(p.pipe.r, fd, p.left)
		if errno == syscall.EAGAIN {
			p.Dst.writeBy.Store(Now() + p.Dst.stall.Load())
			return false
		}
		if errno != 0 {
			p.err = os.NewSyscallError("splice", errno)
			return true
		}
		p.left -= n
	}
	return true
}

func (p *Pump) dropPipe() {
	if p.pipe != nil {
		putPipe(p.pipe, p.left == 0)
		p.pipe = nil
	}
}
