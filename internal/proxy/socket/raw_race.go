//go:build race

package socket

import (
	"syscall"
	"unsafe"
)

// Under the race detector reads and writes go through package syscall, which
// tells the detector which memory the kernel touched.

func rawRead(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		n, err := syscall.Read(int(fd), p)
		if err == nil {
			return n, 0
		}
		if err != syscall.EINTR {
			return -1, err.(syscall.Errno)
		}
	}
}

func rawWrite(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		n, err := syscall.Write(int(fd), p)
		if err == nil {
			return n, 0
		}
		if err != syscall.EINTR {
			return -1, err.(syscall.Errno)
		}
	}
}

func rawWritev(fd uintptr, iov []syscall.Iovec) (n int, errno syscall.Errno) {
	for _, v := range iov {
		m, errno := rawWrite(fd, unsafe.Slice(v.Base, int(v.Len)))
		if errno != 0 {
			if n > 0 {
				return n, 0 // the caller goes on after n bytes and meets the error again
			}
			return -1, errno
		}
		if n += m; m < int(v.Len) {
			break
		}
	}
	return n, 0
}
