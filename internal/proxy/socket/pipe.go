package socket

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// pipe is room in the kernel that bytes pass through without being copied.
type pipe struct{ r, w uintptr }

// pipeSize is what one splice moves at most.
const pipeSize = 256 << 10

var pipes sync.Pool

func getPipe() (*pipe, error) {
	if p, ok := pipes.Get().(*pipe); ok {
		return p, nil
	}
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	p := &pipe{uintptr(fds[0]), uintptr(fds[1])}
	// Larger is faster, but an ordinary user may have a bound; what is there works.
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, p.w, syscall.F_SETPIPE_SZ, pipeSize)
	// The pool forgets pipes that nobody used for a while.
	runtime.AddCleanup(p, closePipe, *p)
	return p, nil
}

// putPipe gives a pipe back; one that is not empty is of no use any more.
func putPipe(p *pipe, empty bool) {
	if empty {
		pipes.Put(p)
	}
}

func closePipe(p pipe) {
	_ = syscall.Close(int(p.r))
	_ = syscall.Close(int(p.w))
}

// splice moves up to max bytes between a socket and a pipe.
func splice(from, to uintptr, max int) (n int, errno syscall.Errno) {
	const moveNonblock = 0x1 | 0x2 // SPLICE_F_MOVE, SPLICE_F_NONBLOCK
	for {
		r, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, from, 0, to, 0, uintptr(max), moveNonblock)
		if e == 0 {
			return int(r), 0
		}
		if e != syscall.EINTR {
			return -1, e
		}
	}
}
