// Package examples holds the manifests that the fsm command carries with it.
//
// Everything below this directory is served and asked by a test.
package examples

import "embed"

// Quickstart is what "fsm demo" serves, and tour.txt: what to ask it, and what it
// answers.
//
//go:embed quickstart/*.yaml quickstart/tour.txt
var Quickstart embed.FS
