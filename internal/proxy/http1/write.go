package http1

import (
	"strconv"

	"fsm/internal/proxy/message"
)

// AppendRequest writes a request head. Upgrades are asked for as the request
// says; other hop-by-hop lines are this connection's own.
func AppendRequest(dst []byte, r *message.Request) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.Path...)
	if r.Query != nil {
		dst = append(dst, '?')
		dst = append(dst, r.Query...)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.Authority...)
	if r.Upgrade != nil {
		dst = append(dst, "\r\nConnection: upgrade\r\nUpgrade: "...)
		dst = append(dst, r.Upgrade...)
	} else {
		dst = append(dst, "\r\nConnection: keep-alive"...)
	}
	if r.Trailers { // TE is about this connection (RFC 9110, section 10.1.4)
		dst = append(dst, ", TE"...)
	}
	dst = append(dst, "\r\n"...)
	dst = r.Header.AppendHTTP1(dst)
	if r.Expects100 {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	if r.Trailers {
		dst = append(dst, "TE: trailers\r\n"...)
	}
	if r.Length >= 0 {
		dst = appendLength(dst, r.Length)
	} else if r.Length == message.UnknownLength {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, "\r\n"...)
}

// responseFraming is how a response ends on the client's connection.
type responseFraming struct {
	// chunked, or else Content-Length where the length is known, or else the
	// connection's end.
	chunked bool
	// close tells the client that no further request will be read.
	close bool
	// keepAlive has to be said to clients of HTTP/1.0.
	keepAlive bool
}

// appendResponse writes a response head.
func appendResponse(dst []byte, r *message.Response, f responseFraming) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, ReasonPhrase(r.Status)...)
	dst = append(dst, "\r\n"...)
	dst = r.Header.AppendHTTP1(dst)
	switch {
	case f.chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case r.Length >= 0:
		dst = appendLength(dst, r.Length)
	}
	switch {
	case f.close:
		dst = append(dst, "Connection: close\r\n"...)
	case f.keepAlive:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendSwitch writes the head of a 101.
func appendSwitch(dst []byte, r *message.Response, protocol []byte) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "...)
	dst = append(dst, protocol...)
	dst = append(dst, "\r\n"...)
	dst = r.Header.AppendHTTP1(dst)
	return append(dst, "\r\n"...)
}

// appendChunkSize writes the line before a chunk's data.
func appendChunkSize(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, "\r\n"...)
}

// appendLastChunk writes the end of a chunked body, with its trailer section.
func appendLastChunk(dst []byte, trailer *message.Header) []byte {
	dst = append(dst, "0\r\n"...)
	if trailer != nil {
		dst = trailer.AppendHTTP1(dst)
	}
	return append(dst, "\r\n"...)
}
