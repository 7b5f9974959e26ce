//go:build !race

package socket

import (
	"syscall"
	"unsafe"
)

// rawRead reads without telling the scheduler: the socket is non-blocking, so
// the call cannot take long, and the bookkeeping for calls that may costs more
// than the read itself. n is -1 on error.
func rawRead(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if e == 0 {
			return int(r), 0
		}
		if e != syscall.EINTR {
			return -1, e
		}
	}
}

// rawWrite is the counterpart of rawRead.
func rawWrite(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if e == 0 {
			return int(r), 0
		}
		if e != syscall.EINTR {
			return -1, e
		}
	}
}

// rawWritev writes several pieces in one call.
func rawWritev(fd uintptr, iov []syscall.Iovec) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(len(iov)))
		if e == 0 {
			return int(r), 0
		}
		if e != syscall.EINTR {
			return -1, e
		}
	}
}
