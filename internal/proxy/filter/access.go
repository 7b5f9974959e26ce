package filter

import (
	"bytes"
	"fmt"
	"net/netip"
	"unsafe"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// ReasonAccessDenied marks answers to clients whose address is not admitted.
const ReasonAccessDenied = "access_denied"

// accessControl admits clients by address.
type accessControl struct {
	rule         ir.AddressRule
	forwardedFor bool
	denied       *message.Reply
	// failure answers everybody; nil while the rule can be put to work.
	failure *message.Reply
}

func newAccessControl(f *ir.AccessControl) *accessControl {
	a := &accessControl{rule: f.AddressRule, forwardedFor: f.ForwardedFor}
	a.denied = &message.Reply{
		Status: int(f.Status), Reason: ReasonAccessDenied, Body: f.Body, Bare: true,
		Cause: fmt.Errorf("%s does not admit the client's address", f.Policy),
	}
	if f.Failure != nil {
		a.failure = &message.Reply{Status: int(f.Failure.Status), Reason: f.Failure.Reason, Cause: fmt.Errorf("%s", f.Failure.Message)}
	}
	return a
}

// Request implements Filter.
func (f *accessControl) Request(x *message.Exchange) error {
	switch {
	case f.failure != nil:
		return f.failure
	case f.forwardedFor && x.ForwardedFor != nil:
		if !f.admitsAll(x.ForwardedFor) {
			return f.denied
		}
	case !f.rule.Admits(x.Client):
		return f.denied
	}
	return nil
}

// Response implements Filter.
func (f *accessControl) Response(*message.Exchange) {}

// admitsAll tells whether all addresses of a list may pass. What is no address may
// not.
func (f *accessControl) admitsAll(list []byte) bool {
	for item := range bytes.SplitSeq(list, comma) {
		address, ok := parseAddress(bytes.TrimSpace(item))
		if !ok || !f.rule.Admits(address) {
			return false
		}
	}
	return true
}

// parseAddress reads an address, with or without a port as some proxies write it.
func parseAddress(b []byte) (netip.Addr, bool) {
	// Nothing keeps the text: an error, which would, is dropped.
	text := unsafe.String(unsafe.SliceData(b), len(b))
	if address, err := netip.ParseAddr(text); err == nil {
		return address, true
	}
	address, err := netip.ParseAddrPort(text)
	return address.Addr(), err == nil
}
