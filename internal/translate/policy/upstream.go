package policy

import (
	"cmp"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/report"
)

// Upstream is what an object says about its own use of a backend, as Ingresses do
// with annotations. The zero value says nothing. It is comparable, because a
// backend is remembered by it.
type Upstream struct {
	// Owner is the object, and becomes part of the backend's name: what it says
	// may change without the backend losing its state. Empty says nothing at all.
	Owner string
	// TLS is used towards the backend unless a policy of the Service says how.
	TLS         bool
	ServerName  string
	Authorities ir.SecretName
	// Certificate beats that of the use.
	Certificate      ir.SecretName
	SkipVerification bool
	// Problem says why the TLS that is asked for cannot be had.
	Problem string
	// ConnectTimeout 0 is the default.
	ConnectTimeout ir.Duration
	// Balancing and Session give way to policies of the Service. A Session without the
	// name of a cookie is none.
	Balancing ir.Balancing
	Session   ir.Session
}

// apply takes over what has nothing to do with TLS.
func (b *Backend) apply(u Upstream) {
	if u.Owner == "" {
		return
	}
	b.Name += ir.BackendName("+" + u.Owner)
	b.ConnectTimeout = u.ConnectTimeout
	if u.Balancing != (ir.Balancing{}) {
		b.Balancing = &u.Balancing
	}
	if u.Session.Cookie != "" {
		b.Session = &u.Session
	}
}

// secureUpstream adds the TLS that the user of the backend asks for. What cannot
// be had is not replaced by plaintext.
func (b *Backend) secureUpstream(use Use) {
	u := use.Upstream
	switch {
	case use.Traffic == Raw:
	case u.Problem != "":
		b.Err = &core.RefError{Reason: report.ReasonInvalidBackendTLS, Reply: core.ReasonBackendTLSInvalid, Message: u.Problem}
	case u.TLS:
		b.TLS = &ir.BackendTLS{ServerName: u.ServerName, Certificate: cmp.Or(u.Certificate, use.Certificate), SkipVerification: u.SkipVerification}
		if u.Authorities != "" {
			b.TLS.Authorities = []ir.SecretName{u.Authorities}
		}
	}
}
