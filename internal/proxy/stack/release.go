package stack

import "fsm/internal/proxy/message"

// release gives back what filters hold for as long as a request lasts. With a response
// that ends well it does so before the client can know the end: who sends one request
// after the other has one under way, and not two. In all other cases the end of the
// exchange does it.
func release() layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			if err := next(x); err != nil || !x.Holds() || x.Response.Upgraded {
				return err
			}
			if x.Response.Body == nil {
				x.Release()
				return nil
			}
			x.last = lastBody{Body: x.Response.Body, exchange: x}
			x.Response.Body = &x.last
			return nil
		}
	}
}

// lastBody releases what is held when there is nothing more of a body.
type lastBody struct {
	message.Body
	exchange *exchange
}

// Next implements message.Body.
func (b *lastBody) Next() ([]byte, error) {
	piece, err := b.Body.Next()
	if err != nil {
		b.exchange.Release()
	}
	return piece, err
}
