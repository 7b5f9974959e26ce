package message

// Reply is an answer that the proxy makes itself. Handlers return it as an
// error; the respond layer turns it into the response, and nothing else writes
// one.
type Reply struct {
	// Status of the answer. 0 means that nothing can or should be sent: the
	// connection is closed.
	Status int
	// Reason is the stable short word of docs/reasons.md.
	Reason string
	// Header lines of the answer, beyond the usual ones.
	Header []Field
	// Body of the answer; empty for the phrase of an error's status.
	Body string
	// Bare leaves an empty body empty.
	Bare bool
	// GRPCStatus is for clients of gRPC; 0 for what follows from reason and status.
	GRPCStatus int
	// Cause is for the log.
	Cause error
}

// Error implements error.
func (r *Reply) Error() string {
	if r.Cause != nil {
		return r.Reason + ": " + r.Cause.Error()
	}
	return r.Reason
}

// Unwrap is the cause.
func (r *Reply) Unwrap() error { return r.Cause }
