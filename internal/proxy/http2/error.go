package http2

import (
	"errors"
	"fmt"
)

// errorCode is why a stream or a connection ends (RFC 9113, section 7).
type errorCode uint32

const (
	codeNone            errorCode = 0
	codeProtocol        errorCode = 1
	codeInternal        errorCode = 2
	codeFlowControl     errorCode = 3
	codeSettingsTimeout errorCode = 4
	codeStreamClosed    errorCode = 5
	codeFrameSize       errorCode = 6
	codeRefused         errorCode = 7
	codeCancel          errorCode = 8
	codeCompression     errorCode = 9
	codeConnect         errorCode = 10
	codeCalm            errorCode = 11
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
}

func (c errorCode) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("error code %d", uint32(c))
}

// connError ends the connection.
type connError struct {
	code   errorCode
	detail string
}

func (e *connError) Error() string { return e.code.String() + ": " + e.detail }

// streamError ends a stream.
type streamError struct {
	stream uint32
	code   errorCode
}

func (e streamError) Error() string { return fmt.Sprintf("stream %d: %s", e.stream, e.code) }

// peerError is what the peer said when it ended a stream or the connection.
type peerError struct {
	what string
	code errorCode
}

// Codes with which a backend ends a stream and that mean something to clients.
const (
	Cancelled = uint32(codeCancel)
	Calm      = uint32(codeCalm)
	Refused   = uint32(codeRefused)
)

// ResetCode is the error code (RFC 9113, section 7) with which a backend ended the
// stream, if that is why an exchange failed.
func ResetCode(err error) (code uint32, ok bool) {
	reset, ok := errors.AsType[*peerError](err)
	if !ok {
		return 0, false
	}
	return uint32(reset.code), true
}

func (e *peerError) Error() string { return e.what + " " + e.code.String() }

// Faults of the peer.
var (
	errPreface      = &connError{codeProtocol, "not the connection preface of HTTP/2"}
	errFirstFrame   = &connError{codeProtocol, "first frame is not SETTINGS"}
	errFrameSize    = &connError{codeFrameSize, "frame has a wrong size"}
	errTooLong      = &connError{codeFrameSize, "frame is longer than allowed"}
	errPadding      = &connError{codeProtocol, "padding is longer than the frame"}
	errOnStream     = &connError{codeProtocol, "frame belongs to a stream and names none"}
	errOnConn       = &connError{codeProtocol, "frame belongs to the connection and names a stream"}
	errContinuation = &connError{codeProtocol, "header block is interrupted, or continued where none began"}
	errStreamID     = &connError{codeProtocol, "stream identifier is not a new one of the client's"}
	errIdle         = &connError{codeProtocol, "frame on a stream that was never opened"}
	errClosedStream = &connError{codeStreamClosed, "header block on a stream that was closed"}
	errPush         = &connError{codeProtocol, "PUSH_PROMISE is not allowed"}
	errIncrement    = &connError{codeProtocol, "window is enlarged by nothing"}
	errWindow       = &connError{codeFlowControl, "window is larger than allowed"}
	errOverrun      = &connError{codeFlowControl, "more data than the window allows"}
	errSetting      = &connError{codeProtocol, "setting has a value that it cannot have"}
	errSettingSize  = &connError{codeFlowControl, "setting has a window that is too large"}
	errCompression  = &connError{codeCompression, "header block is malformed"}
)

// Floods. Their reasons are those of docs/reasons.md.
var (
	errHeaderFlood = &connError{codeCalm, "header block is over twice the limit"}
	errResetFlood  = &connError{codeCalm, "too many streams are reset"}
	errIdleWork    = &connError{codeCalm, "too many frames that carry nothing"}
)
