// Package hpack is the header compression of HTTP/2 (RFC 7541), as state machines
// over bytes without I/O.
//
// The decoder copies every string into memory that the caller hands in, looks up
// each header name once, when it enters the table, and makes no Go strings. The
// encoder refers to the static table and never uses a dynamic one: what that
// saves in bytes between data-centre machines costs more in time, and a table
// that is never filled can never leak what was in it (RFC 7541, section 7.1).
//
// The package knows nothing of what headers mean: a block that decodes may still
// be no message.
package hpack
