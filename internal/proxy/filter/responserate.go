package filter

import (
	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// Throttle spreads bytes over time.
type Throttle interface {
	// Piece is how many bytes to move at a time.
	Piece() int
	// Wait lets so many bytes pass when it is their time.
	Wait(n int)
}

// responseRate slows responses down, each by itself.
type responseRate struct {
	config ir.ResponseRate
	env    *Env
}

// Request implements Filter.
func (f *responseRate) Request(*message.Exchange) error { return nil }

// Response implements Filter. What follows an upgrade is no response.
func (f *responseRate) Response(x *message.Exchange) {
	if r := &x.Response; r.Body != nil && !r.Upgraded {
		r.Body = &slowBody{Body: r.Body, throttle: f.env.Throttle(f.config.BytesPerSecond), free: f.config.After}
	}
}

// slowBody delivers a body in small pieces, each in its time.
type slowBody struct {
	message.Body
	throttle Throttle
	free     uint64 // bytes that need not wait
	rest     []byte // of the piece that was read last
}

// Next implements message.Body.
func (b *slowBody) Next() ([]byte, error) {
	if len(b.rest) == 0 {
		piece, err := b.Body.Next()
		if err != nil {
			return nil, err
		}
		b.rest = piece
	}
	n := len(b.rest)
	if b.free > 0 {
		n = int(min(uint64(n), b.free))
		b.free -= uint64(n)
	} else {
		n = min(n, b.throttle.Piece())
		b.throttle.Wait(n)
	}
	piece := b.rest[:n]
	b.rest = b.rest[n:]
	return piece, nil
}

// Ready implements message.Body. Nothing that came before waits for what is slow.
func (b *slowBody) Ready() bool { return b.free > 0 && (len(b.rest) > 0 || b.Body.Ready()) }
