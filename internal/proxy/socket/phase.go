package socket

import "errors"

// Errors that end a wait. All but ErrAborted are answers of the deadline state
// machine, and implement net.Error the way crypto/tls needs it to leave its
// connection usable.
var (
	// ErrTimeout: the phase lasted longer than it may.
	ErrTimeout error = &waitError{"socket: deadline of the phase passed"}
	// ErrParkable: the connection idles and should be parked.
	ErrParkable error = &waitError{"socket: idle connection may be parked"}
	// ErrDraining: the connection idles and its listener goes away.
	ErrDraining error = &waitError{"socket: idle connection is drained"}
	// ErrAborted: another goroutine called Abort.
	ErrAborted = errors.New("socket: wait was aborted")
)

type waitError struct{ text string }

func (e *waitError) Error() string   { return e.text }
func (e *waitError) Timeout() bool   { return true }
func (e *waitError) Temporary() bool { return true }

// Phase is what a connection is waiting for.
type Phase uint8

// Phases of a connection.
const (
	// Opening: everything before the application's first byte.
	Opening Phase = iota
	// Idle: between requests. Only idle connections are parked or drained.
	Idle
	// Head: a message head has begun.
	Head
	// Body: more of a message body is awaited.
	Body
	// Busy: the other side works on it; nothing is awaited from this one.
	Busy
	// Tunnel: bytes of any kind in both directions.
	Tunnel
	// Shared: several exchanges at once, which look after themselves.
	Shared
)

// Reasons for which a wait is interrupted, as bits.
const (
	kickExpired uint32 = 1 << iota
	kickPark
	kickDrain
	kickAbort
	kickCheck
)
