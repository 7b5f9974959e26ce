package socket

import (
	"syscall"
	"unsafe"
)

// rawReadable looks for a byte without taking it.
func rawReadable(fd uintptr) bool {
	var b [1]byte
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return errno != syscall.EAGAIN
}

// rawHungUp polls for the peer's end of stream or an error.
func rawHungUp(fd uintptr) bool {
	const rdhup, errors, hup = 0x2000, 0x8, 0x10 // POLLRDHUP, POLLERR, POLLHUP
	p := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd), events: rdhup}
	var now syscall.Timespec
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return errno == 0 && p.revents&(rdhup|errors|hup) != 0
}
