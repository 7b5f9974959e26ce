// Package charts is the Helm chart of FSM as a part of programs: "fsm install" needs
// no download, and installs the version that it is of.
//
// The chart itself is the directory fsm, which Helm installs as it is. Nothing about
// its content is decided here.
package charts

import "embed"

// FSM has the chart in the directory fsm. "all:" is for the names that begin with
// an underscore.
//
//go:embed all:fsm
var FSM embed.FS

// Definitions are the custom resource definitions of FSM, in the directory fsm/crds.
// They are part of the chart; a program that needs no more than them embeds no more.
//
//go:embed fsm/crds/*.yaml
var Definitions embed.FS
