package http1

import (
	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/socket"
)

// inbox is the receiving side of a connection: a leased buffer with a window of
// bytes that were read and not used yet. The bytes before the window may still
// be referred to by a message head; they stay as they are until release.
type inbox struct {
	buf *buffer.Buffer
	// head is an earlier buffer that a message head still refers to.
	head *buffer.Buffer
	r, w int
	// keep is where the head in buf ends.
	keep int
	// full is set when the last read filled all the room there was.
	full bool
}

// unread is the window.
func (in *inbox) unread() []byte { return in.buf.B[in.r:in.w] }

func (in *inbox) empty() bool { return in.r == in.w }

// lease makes sure that there is a buffer.
func (in *inbox) lease(size int) {
	if in.buf == nil {
		in.buf = buffer.Get(size)
		in.r, in.w, in.keep, in.full = 0, 0, 0, false
	}
}

// room makes sure that there is a useful amount of room behind the window.
func (in *inbox) room() []byte {
	if in.empty() {
		in.r, in.w = in.keep, in.keep
	}
	const least = 1 << 10
	size := len(in.buf.B)
	switch {
	case in.full && size < buffer.Large:
		in.replace(min(size*4, buffer.Large)) // a long body: fewer, larger reads
	case size-in.w >= least:
	case in.keep == 0 && in.r > 0 && size-(in.w-in.r) >= least:
		in.w = copy(in.buf.B, in.unread())
		in.r = 0
	default:
		in.replace(max(size, buffer.Medium, 2*(in.w-in.r)))
	}
	return in.buf.B[in.w:]
}

// replace moves the window to a buffer of its own and keeps the old one for the
// head that refers to it.
func (in *inbox) replace(size int) {
	next := buffer.Get(size)
	w := copy(next.B, in.unread())
	if in.head == nil && in.keep > 0 {
		in.head = in.buf
	} else {
		in.buf.Put()
	}
	in.buf, in.r, in.w, in.keep = next, 0, w, 0
}

// fill reads once and reports what it read.
func (in *inbox) fill(s *socket.Stream) error {
	room := in.room()
	n, err := s.Read(room)
	if n > 0 {
		in.w += n
		in.full = n == len(room)
		return nil
	}
	return err
}

// took accounts for bytes that were read into room by other means.
func (in *inbox) took(n int) { in.w += n }

// grow makes the buffer that a growing head is read into larger. Nothing refers
// to the buffer yet.
func (in *inbox) grow(size int) {
	next := buffer.Get(size)
	in.w = copy(next.B, in.unread())
	in.r = 0
	in.buf.Put()
	in.buf = next
}

// finish ends the use of the head; the window stays.
func (in *inbox) finish() {
	in.head.Put()
	in.head, in.keep, in.full = nil, 0, false
	switch {
	case in.buf == nil:
	case in.empty():
		in.r, in.w = 0, 0
		if len(in.buf.B) > buffer.Medium {
			in.release()
		}
	default:
		in.w = copy(in.buf.B, in.unread())
		in.r = 0
	}
}

// release gives all memory back. The window must be empty or of no use.
func (in *inbox) release() {
	in.head.Put()
	in.buf.Put()
	*in = inbox{}
}
