// Package proxytest runs a real proxy in a test: from a snapshot, on a port of
// its own, in front of backends whose every byte the test decides and sees.
//
// It is for tests only, and takes no shortcut into the proxy: what a test asserts
// is what a client or a backend can see.
package proxytest
