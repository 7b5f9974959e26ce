// Package core answers what every front-end asks about the objects of a set:
// which Service a backend reference means, which addresses stand behind it,
// whether a ReferenceGrant allows it, what a Secret or ConfigMap holds.
//
// Answers are values. A reference that does not resolve is a [RefError] that
// carries the reason for a condition and the reason for the requests that would
// have gone there; it never stops anything else.
//
// Every question takes the recorder of the value that is being made, so that the
// value is made again when an answer changes, and only then; see package memo.
//
// The package knows no routes, listeners or policies, and writes no conditions.
package core
