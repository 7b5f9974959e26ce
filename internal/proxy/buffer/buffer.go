// Package buffer lends byte buffers in a few sizes, so that connections hold
// memory only while they use it.
//
// A buffer has one holder at a time. The package never grows a buffer in place:
// whoever needs more room takes a larger one and copies.
package buffer

import "sync"

// Sizes that Get lends.
const (
	// Small holds a usual message head.
	Small = 4 << 10
	// Medium holds a usual message.
	Medium = 16 << 10
	// Large is for bulk transfer and for the largest default message head.
	Large = 64 << 10
)

// Buffer is a lent piece of memory. Its length is its size.
type Buffer struct {
	B    []byte
	pool *sync.Pool
}

var pools = [...]struct {
	size int
	pool sync.Pool
}{{size: Small}, {size: Medium}, {size: Large}}

// Get lends a buffer of at least size bytes. A size over Large is made anew and
// left to the garbage collector afterwards.
func Get(size int) *Buffer {
	for i := range pools {
		p := &pools[i]
		if size > p.size {
			continue
		}
		if b, ok := p.pool.Get().(*Buffer); ok {
			return b
		}
		return &Buffer{B: make([]byte, p.size), pool: &p.pool}
	}
	return &Buffer{B: make([]byte, size)}
}

// Put gives the buffer back. The holder must not touch it, or any slice of it,
// afterwards. Put of nil does nothing.
func (b *Buffer) Put() {
	if b == nil {
		return
	}
	if poison {
		for i := range b.B {
			b.B[i] = 0xdd
		}
	}
	if b.pool != nil {
		b.pool.Put(b)
	}
}
