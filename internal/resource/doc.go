// Package resource holds user objects as the rest of the control plane sees
// them: typed, complete, and gathered in an immutable [Set].
//
// It knows which kinds exist, how to decode them from YAML, and how to apply the
// defaults and rules of their CRDs as an API server would, so that an object
// from a file and the same object from a cluster are the same value. [Decode]
// therefore runs an API server's own steps, as a library, over the definitions in
// crds/: drop unknown fields, fill in defaults, check the schema, check the CEL
// rules. Where files are treated more kindly than a cluster would treat them, the
// list in tolerate.go says so.
//
// A mistake of a user is a [Problem], never an error, and never concerns more than
// one object. Text from outside is not trusted: what it can cost is bounded.
//
// It resolves no reference between objects and judges no object by another: that
// is what package translate is for. It talks to no API server and reads no file.
package resource
