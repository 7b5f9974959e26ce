package http1

import "fsm/internal/proxy/message"

// The rules of this file hold for requests of any version; HTTP/2 asks here so
// that there is one set of them.

// SetTarget takes a method and a request target into a request, as ParseRequest
// does.
func SetTarget(r *message.Request, method, target []byte, lim *Limits) *message.Reply {
	for _, c := range method {
		if chars[c]&charToken == 0 {
			return errMethod
		}
	}
	if len(method) == 0 {
		return errMethod
	}
	if err := checkMethod(method); err != nil {
		return err
	}
	r.Method = method
	var classes uint8
	question := -1
	for i, b := range target {
		c := chars[b]
		if c&charTarget == 0 {
			return errTarget
		}
		if c&charQuestion != 0 && question < 0 {
			question = i
		}
		if question < 0 {
			classes |= c
		}
	}
	switch {
	case len(target) == 0:
		return errTargetForm
	case len(target)+len(method) >= lim.Bytes/4:
		return errURITooLong
	case target[0] != '/' && string(target) != "*":
		return errTargetForm
	}
	return parseTarget(target, question, classes, r, lim)
}

// ValidHost reports whether a Host header may be forwarded and matched.
func ValidHost(host []byte) bool { return validHost(host) }

// ParseLength reads a Content-Length.
func ParseLength(value []byte) (n int64, ok bool) { return parseLength(value) }

// CheckName checks the name of a header field. keep is false when the policy has
// it dropped.
func CheckName(name []byte, policy Underscores) (keep bool, err *message.Reply) {
	if len(name) == 0 {
		return false, errName
	}
	var classes uint8
	for _, b := range name {
		c := chars[b]
		if c&charToken == 0 {
			return false, errName
		}
		classes |= c
	}
	if classes&charUnderscore != 0 && policy != AllowUnderscores {
		if policy == RejectUnderscores {
			return false, errUnderscore
		}
		return false, nil
	}
	return true, nil
}

// HasUpper reports whether a valid name has a letter in upper case, which HTTP/2
// does not allow.
func HasUpper(name []byte) bool {
	for _, b := range name {
		if chars[b]&charUpper != 0 {
			return true
		}
	}
	return false
}

// ValidValue reports whether a field value has no control characters, nor white
// space at its ends.
func ValidValue(value []byte) bool {
	return scanValue(value, 0) == len(value) && len(trim(value)) == len(value)
}

// Refusals that the versions share.
var (
	ErrTooLarge     = errTooLarge
	ErrUnderscore   = errUnderscore
	ErrNoHost       = errNoHost
	ErrTwoHosts     = errTwoHosts
	ErrHost         = errHost
	ErrHostMismatch = errHostMismatch
	ErrBodyTooLarge = errBodyTooLarge
	ErrBodySlow     = errBodySlow
	ErrExpect       = errExpect
	ErrTooMany1xx   = errTooMany1xx
	ErrResponseCut  = errResponseCut
)

// SameHost compares an authority with a Host header.
func SameHost(authority, host []byte) bool { return sameHost(authority, host) }

// MaxInterim bounds the interim responses to one request.
const MaxInterim = max1xx
