// Package identity says who is who between controllers and proxies, and proves it:
// names, the built-in certificate authority, certificates that renew themselves,
// and TLS that checks the name and not only the signature.
//
// A name is a SPIFFE ID, spiffe://TRUST-DOMAIN/ns/NAMESPACE/ROLE/NAME, and the only
// thing in a certificate that counts. Certificates live for hours and are renewed
// at about half of their life, so there is no revocation. Private keys are made
// where they are used and never leave that process; what travels is a signing
// request, and the authority refuses every request that asks for anything but the
// name that its sender has proved to have. The one exception is a [Client]: a
// certificate for an ingress, of whatever make, whose key is made here and handed out.
// There is no name of ours in it.
//
// The package knows neither Kubernetes nor how requests travel: where the root is
// kept is a [Store], and how a request reaches an authority is a function handed
// in. It does nothing for the certificates of users' own listeners and backends.
package identity
