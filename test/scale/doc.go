// Package scale measures FSM in a cluster: how soon what is written acts, what many
// routes cost, and whether anybody notices rollouts, changes and the absence of the
// controller. The measures are those of the independent benchmark gateway-api-bench,
// which most gateways fail in one way or another.
//
// The figures are compared with targets and written down, pass or fail. Nothing is
// imitated: the cluster is the one that KUBECONFIG names, with FSM installed in it, and
// load comes from this process, so that machine and network are shared with what
// is measured. The tests take minutes and disturb others, so that they run only when
// asked for: "make scale" and "make soak" do.
package scale
