package filter

import (
	"fmt"

	"fsm/internal/proxy/message"
)

// ReasonBodyTooLarge marks refusals of request bodies; codecs that refuse them
// by the listener's limit say the same.
const ReasonBodyTooLarge = "body_too_large"

type bodyLimit struct{ bytes uint64 }

// Request implements Filter. A body whose length is known is refused before any
// backend hears of it, any other when it has become too long.
func (f *bodyLimit) Request(x *message.Exchange) error {
	r := &x.Request
	switch {
	case r.Length > 0 && uint64(r.Length) > f.bytes:
		return f.refusal()
	case r.Length == message.UnknownLength && r.Body != nil && r.Upgrade == nil:
		r.Body = &limitedBody{Body: r.Body, filter: f, left: f.bytes}
	}
	return nil
}

// Response implements Filter.
func (f *bodyLimit) Response(*message.Exchange) {}

func (f *bodyLimit) refusal() *message.Reply {
	return &message.Reply{Status: 413, Reason: ReasonBodyTooLarge, Cause: fmt.Errorf("body is longer than the route's limit of %d bytes", f.bytes)}
}

// limitedBody is a body of unknown length, of which so much is left.
type limitedBody struct {
	message.Body
	filter *bodyLimit
	left   uint64
}

// Next implements message.Body.
func (b *limitedBody) Next() ([]byte, error) {
	piece, err := b.Body.Next()
	if uint64(len(piece)) > b.left {
		return nil, b.filter.refusal()
	}
	b.left -= uint64(len(piece))
	return piece, err
}
