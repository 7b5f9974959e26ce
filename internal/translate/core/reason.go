package core

// Reasons of replies that a configuration asks for because something that the
// user wrote cannot be served. They stand in access logs, metrics and the
// fsm-reason header, and are stable; docs/reasons.md explains each.
const (
	ReasonBackendNotFound     = "backend_not_found"
	ReasonBackendNotPermitted = "backend_not_permitted"
	ReasonBackendInvalidKind  = "backend_invalid_kind"
	ReasonBackendForbidden    = "backend_forbidden"
	// ReasonBackendProtocol is a Service port whose appProtocol cannot be spoken.
	ReasonBackendProtocol = "backend_protocol"
	// ReasonBackendTLSInvalid is a backend whose TLS policy cannot be put to work.
	// Its requests fail rather than go out unprotected.
	ReasonBackendTLSInvalid = "backend_tls_invalid"
	// ReasonTLSRequired is a request in plaintext for a host that has TLS.
	ReasonTLSRequired = "tls_required"
	// ReasonPolicyInvalid is a route whose AccessControlPolicy cannot be put to work.
	// Its requests fail rather than pass unexamined.
	ReasonPolicyInvalid = "policy_invalid"
	// ReasonNoBackends is a rule that names no backend, or only such of weight 0.
	ReasonNoBackends = "no_backends"
	// ReasonUnsupportedFilter is a rule with a filter that this build cannot run.
	// The filter may be there to protect something, so it is never skipped.
	ReasonUnsupportedFilter = "unsupported_filter"
	// ReasonUnsupportedValue is a rule that asks for anything else that this build
	// cannot do.
	ReasonUnsupportedValue = "unsupported_value"
)
