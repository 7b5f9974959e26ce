// Package pki turns certificate material of a snapshot into TLS configurations.
//
// Go compares host names with subject alternative names only. Many certificates
// in the field, and all of those in the documents this project follows, carry
// nothing but a common name. This package therefore chooses server certificates
// by both, and verifies chains and names by explicit rules of its own: the chain
// always, the name by alternative names where the certificate has any and by the
// common name where it has none.
//
// It never switches verification off. The one place that tells crypto/tls not to
// verify is [ClientConfig], which verifies itself, on every connection, resumed
// ones included.
package pki
