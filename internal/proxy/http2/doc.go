// Package http2 speaks HTTP/2 (RFC 9113) with clients and with backends.
//
// A connection has one goroutine that reads, and one for each request that is in
// progress; what they write is gathered and goes out together. All of them meet
// at one lock, and nobody waits for anybody else while holding it, so that a
// stream that stands still holds up no other.
//
// What the peer may make the connection do for nothing is bounded: streams,
// header sizes, and budgets for frames that cost the one who gets them more than
// the one who sends them. Who exceeds them is told to calm down and disconnected.
//
// The package refuses server push, priorities (they are read and ignored, RFC
// 9113, section 5.3) and the upgrade from HTTP/1.1.
package http2
