package stack

import (
	"bytes"
	"strconv"
	"time"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/http2"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/upstream"
)

// Status codes of gRPC (github.com/grpc/grpc, doc/statuscodes.md).
const (
	grpcCancelled         = 1
	grpcUnknown           = 2
	grpcDeadlineExceeded  = 4
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
	grpcUnavailable       = 14
	grpcUnauthenticated   = 16
)

var (
	grpcType        = []byte("application/grpc")
	grpcStatusName  = message.MakeName("Grpc-Status")
	grpcMessageName = message.MakeName("Grpc-Message")
	grpcTimeoutName = message.MakeName("Grpc-Timeout")
)

// isGRPC reports whether the client speaks gRPC, and therefore does not look at
// HTTP status codes.
func (x *exchange) isGRPC() bool {
	if x.Protocol != "HTTP/2" || !x.Request.Header.Has(message.HeaderContentType) {
		return false
	}
	v, _ := x.Request.Header.GetID(message.HeaderContentType)
	rest, ok := bytes.CutPrefix(v, grpcType)
	return ok && (len(rest) == 0 || rest[0] == '+' || rest[0] == ';')
}

// GRPCCode is the status code of gRPC for a reply of the proxy: where the reason
// says more than the status, by that, and else as clients would map it
// (github.com/grpc/grpc, doc/http-grpc-status-mapping.md). expired says that the
// client's own deadline has passed.
func GRPCCode(r *message.Reply, expired bool) int {
	if r.GRPCStatus != 0 {
		return r.GRPCStatus
	}
	switch r.Reason {
	case http1.ReasonUpstreamTimeout:
		return grpcDeadlineExceeded
	case http1.ReasonBodyTooLarge, http1.ReasonHeaderTooLarge:
		return grpcResourceExhausted
	case ReasonMisdirected, upstream.ReasonTLS:
		return grpcUnavailable
	case http1.ReasonUpstreamReset:
		return grpcReset(r.Cause, expired)
	}
	switch r.Status {
	case 400:
		return grpcInternal
	case 401:
		return grpcUnauthenticated
	case 403:
		return grpcPermissionDenied
	case 404:
		return grpcUnimplemented
	case 429, 502, 503, 504:
		return grpcUnavailable
	}
	return grpcUnknown
}

// grpcReset is the status code for a call that the backend ended without a status
// (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md, Errors).
func grpcReset(cause error, expired bool) int {
	code, ok := http2.ResetCode(cause)
	switch {
	case ok && code == http2.Cancelled && expired:
		return grpcDeadlineExceeded
	case ok && code == http2.Cancelled:
		return grpcCancelled
	case ok && code == http2.Calm:
		return grpcResourceExhausted
	case ok && code != http2.Refused:
		return grpcInternal
	}
	return grpcUnavailable
}

// grpcTimeoutUnits are the units of grpc-timeout.
var grpcTimeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// grpcExpired reports whether the client's own deadline has passed.
func (x *exchange) grpcExpired() bool {
	v, ok := x.Request.Header.Get(&grpcTimeoutName)
	if !ok || len(v) < 2 || len(v) > 9 { // eight digits at most
		return false
	}
	unit, known := grpcTimeoutUnits[v[len(v)-1]]
	n, err := strconv.ParseUint(string(v[:len(v)-1]), 10, 32)
	return known && err == nil && time.Duration(socket.Now()-x.Start) >= time.Duration(n)*unit
}

// replyGRPC makes a response without messages, whose trailers stand in its header
// section.
func (x *exchange) replyGRPC(reply *message.Reply, text string) {
	r := &x.Response
	r.Status, r.Body, r.Length = 200, nil, message.NoBody
	r.Header.Add(&contentTypeName, grpcType)
	r.Header.Add(&grpcStatusName, x.Keep(strconv.AppendInt(x.Scratch(), int64(GRPCCode(reply, x.grpcExpired())), 10)))
	r.Header.Add(&grpcMessageName, x.Keep(appendPercent(x.Scratch(), text)))
}

// appendPercent encodes a message as gRPC wants it: everything but printable
// ASCII, and the percent sign.
func appendPercent(dst []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c <= '~' && c != '%' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// noteStatus keeps the status of a call that has ended, which is in the trailers
// or, where there is nothing else, in the header section.
func (x *exchange) noteStatus() {
	v, ok := x.Response.Header.Get(&grpcStatusName)
	if b := x.Response.Body; b != nil && !ok {
		if t := b.Trailer(); t != nil {
			v, _ = t.Get(&grpcStatusName)
		}
	}
	x.grpcStatus = x.Keep(append(x.Scratch(), v...))
}
