package stack

import (
	"net/netip"
	"sync"

	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/tracing"
	"fsm/internal/proxy/upstream"
)

// exchange is a message.Exchange with what the layers keep about it.
type exchange struct {
	message.Exchange

	config *httpConfig // in force when the request came
	host   *virtualHost
	route  *Route
	// applied are the filters that saw the request, in order; they see the
	// response in reverse.
	applied []filter.Filter
	// cause is why the proxy made the reply itself, for the log.
	cause error

	// to is the destination of the last attempt, endpoint what was picked for it and
	// not given back, and conn the connection in use; each nil when there is none.
	to       *destination
	endpoint *upstream.Endpoint
	conn     upstream.Conn
	// failed is the endpoint that failed the last attempt.
	failed   netip.AddrPort
	timeouts http1.Timeouts
	// grpcStatus is that of a call that has ended, for the log.
	grpcStatus []byte
	attempts   []telemetry.Attempt
	span       *tracing.Request // nil when not traced
	logged     telemetry.Record // made for the log, here so that it costs no memory
	replay     replayBody
	copies     copyBody
	last       lastBody
	// original is the request as it was before the filters of a destination, and
	// level how many filters it had seen; kept says that they are set.
	original message.Request
	level    int
	kept     bool
}

var exchanges = sync.Pool{New: func() any {
	x := &exchange{}
	x.Owner = x
	return x
}}

func newExchange() *exchange {
	x := exchanges.Get().(*exchange)
	x.Reset()
	return x
}

// reset makes the exchange ready for the next request on the connection.
func (x *exchange) reset() {
	clear(x.applied)
	x.applied = x.applied[:0]
	x.attempts = x.attempts[:0]
	x.config, x.host, x.route, x.cause, x.kept = nil, nil, nil, nil, false
	x.to, x.failed = nil, netip.AddrPort{}
	x.grpcStatus = nil
	x.replay.end()
	x.copies = copyBody{}
	x.last = lastBody{}
	x.Release()
}

// free gives the exchange back.
func (x *exchange) free() {
	x.reset()
	x.Reset()
	x.Connection, x.Downstream = nil, nil
	x.Request.Forget()
	exchanges.Put(x)
}

// handler is one layer together with those below it.
type handler func(x *exchange) error

// layer wraps what comes next.
type layer func(next handler) handler

// layers builds a path: the first is the outermost, last is what they lead to.
func layers(last handler, list ...layer) handler {
	for i := len(list) - 1; i >= 0; i-- {
		last = list[i](last)
	}
	return last
}
