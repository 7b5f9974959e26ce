// Package install puts FSM into a cluster, changes what is installed, and takes it
// out again. It is Helm with the chart built in, and what Helm leaves to users: the
// definitions of the Gateway API, which several products share, and a wait that says
// what it waits for and why that takes long.
//
// What is installed is the chart's to decide; no object of the control plane is made
// here. Definitions are never replaced by older ones and never deleted: with them
// would go the Gateways and routes of every product in the cluster.
package install
