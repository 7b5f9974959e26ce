// Package ir is the language between what users ask for and what proxies do.
//
// A front-end (Gateway API, Ingress, SMI …) turns user objects into a [Mesh];
// a projection selects from the Mesh what one proxy needs, a [Snapshot]; the
// proxy compiles the Snapshot and serves it. The same values are the internal
// model, the JSON on the wire, the file a bare proxy starts from, and, through
// [Format], the text of golden tests.
//
// Values are immutable once made and may be shared by any number of meshes and
// snapshots; whoever wants a different value makes a new one. Everything a user
// object caused names that object in an [Origin].
//
// The package imports the standard library only. It knows neither Kubernetes
// nor sockets, resolves nothing, validates nothing that a front-end must answer
// for with a condition, and keeps no state.
package ir
