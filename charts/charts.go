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
