// Package conformance runs the conformance suite of the Gateway API against a
// cluster in which FSM is installed, and compares what the product claims with what
// the suite has tests for.
//
// It is a module of its own, so that what the suite is built from stays out of the
// product's. It adds no test and skips none: what a Gateway has to do is the suite's
// to say. Nothing is imitated either. The cluster is the one that KUBECONFIG names,
// with our images in real pods; "make conformance" makes one.
package conformance
