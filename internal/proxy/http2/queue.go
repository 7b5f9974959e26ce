package http2

import "fsm/internal/proxy/buffer"

// queue holds the content that was received for a stream and not used yet. It is
// as large as the window at most.
type queue struct {
	buf  *buffer.Buffer
	r, w int
	// lent says that the last piece, which lies before r, is still in use; held is
	// the buffer it lies in when that is no longer buf.
	lent bool
	held *buffer.Buffer
}

func (q *queue) len() int { return q.w - q.r }

// add copies data to the end.
func (q *queue) add(data []byte) {
	need := q.len() + len(data)
	switch {
	case q.buf == nil:
		q.buf = buffer.Get(len(data))
	case len(q.buf.B)-q.w >= len(data):
	case !q.lent && need <= len(q.buf.B):
		q.w = copy(q.buf.B, q.buf.B[q.r:q.w])
		q.r = 0
	default:
		q.move(need)
	}
	q.w += copy(q.buf.B[q.w:], data)
}

// move takes a larger buffer, with room for what comes next.
func (q *queue) move(need int) {
	next := buffer.Get(min(2*need, max(need, buffer.Large)))
	w := copy(next.B, q.buf.B[q.r:q.w])
	if q.lent && q.held == nil {
		q.held = q.buf
	} else {
		q.buf.Put()
	}
	q.buf, q.r, q.w = next, 0, w
}

// take lends all there is, until settle.
func (q *queue) take() []byte {
	piece := q.buf.B[q.r:q.w]
	q.r, q.lent = q.w, true
	return piece
}

// settle takes back what was lent.
func (q *queue) settle() {
	q.held.Put()
	q.held, q.lent = nil, false
	if q.buf != nil && q.r == q.w {
		q.buf.Put()
		q.buf, q.r, q.w = nil, 0, 0
	}
}

// drop forgets everything.
func (q *queue) drop() {
	q.held.Put()
	q.buf.Put()
	*q = queue{}
}
