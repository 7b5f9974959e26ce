// Package proxytest runs a real proxy in a test: from a snapshot, on a port of
// its own, in front of backends whose every byte the test decides and sees.
package proxytest
