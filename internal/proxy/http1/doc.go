// Package http1 is a strict HTTP/1.1 codec and the connections that use it.
//
// The codec (ParseRequest, ParseResponse, ChunkReader and the Append functions)
// is a set of pure functions and state machines over bytes: no sockets, no
// goroutines, no clocks. It accepts what RFC 9112 says a sender may send, and of
// what a recipient may tolerate it accepts only what no two recipients read
// differently. Everything else is refused, with a status and a reason, before
// anything is forwarded.
//
// ServerConn drives the client's side of the proxy and ClientConn the backend's,
// one goroutine per connection, over streams of package socket.
//
// Refused on purpose: line folding, bare LF or CR, white space before a colon,
// Content-Length together with Transfer-Encoding or given twice, any transfer
// coding but chunked, upgrades to h2c, CONNECT, and versions other than 1.0 and
// 1.1.
package http1
