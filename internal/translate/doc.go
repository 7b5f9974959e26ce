// Package translate turns user objects into the language of proxies, a pure
// function from a set of objects to a mesh and a report.
//
// It has no clients, clocks, goroutines or logs, and changes none of its inputs.
// What users should know, conditions above all, is a result like any other. One
// bad object never blocks another: what cannot be served is answered for in the
// report and replaced by a status for the requests concerned.
//
// Each input language is a front-end in a directory of its own. Front-ends share
// the lookups of package core and the policies of package policy, and never
// import each other.
package translate
