package message

import "io"

// BytesBody is a body that is all there.
type BytesBody struct {
	Content []byte
	taken   bool
}

// Next implements Body.
func (b *BytesBody) Next() ([]byte, error) {
	if b.taken || len(b.Content) == 0 {
		return nil, io.EOF
	}
	b.taken = true
	return b.Content, nil
}

// Ready implements Body.
func (b *BytesBody) Ready() bool { return true }

// Cancel implements Body.
func (b *BytesBody) Cancel() {}

// Trailer implements Body.
func (b *BytesBody) Trailer() *Header { return nil }
