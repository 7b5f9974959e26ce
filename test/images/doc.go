// Images builds the container images that the pods of the test cluster run, under
// the names that manifests call them by: those of the Gateway API's conformance
// suite, and those of the workloads in the pages that examples/gateway follows.
//
// There is nothing to pull them from where tests run, so that all are made here:
// from the Go module of a program where there is one, else from a program of our
// own in this module that does what the pages ask of it and nothing else. They are
// for tests. Nobody should run them for anything else, and they are not pushed.
//
// A module of its own, so that nobody who builds FSM needs its dependencies.
package main
