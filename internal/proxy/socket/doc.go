// Package socket drives stream sockets in blocking style, one goroutine per
// direction, at close to the cost of an event loop.
//
// It differs from package net in four ways. Reads and writes enter the kernel
// directly, because a non-blocking call needs none of the runtime's bookkeeping
// for calls that block. [Conn.WriteThenRead] asks and waits for the answer
// without the read that finds nothing. Deadlines are a number in the connection
// that a [Keeper] looks at a few times a second, instead of a timer that is moved
// on every request. And a connection that idles can be parked: its goroutine
// ends and a shared poller starts a new one when bytes arrive.
//
// Every wait has a deadline. A connection is always in one [Phase], and entering
// a phase sets its deadline in the same step, so that no path can clear one
// without setting the next.
//
// The package knows no protocol above TLS and never looks at the bytes.
package socket
