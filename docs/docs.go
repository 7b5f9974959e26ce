// Package docs has those documents that the fsm command shows as well, so that they
// are written once. It has no code.
package docs

import _ "embed"

// Reasons is reasons.md, the words with which a proxy says why it answers a request
// itself.
//
//go:embed reasons.md
var Reasons string
