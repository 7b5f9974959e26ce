// Command bench compares fsm-proxy with nginx and HAProxy on this machine, in one
// run, and says whether it keeps to what it promises.
//
// It measures CPU time per request rather than requests per second: that is what
// a proxy costs, it can be measured on a machine that does other things too, and
// it stays the same when the load generator is the bottleneck. See README.md for
// the method.
//
// It does not tune anything, neither the machine nor the peers, and it keeps no
// history: figures of different runs, or of different machines, do not compare.
package main
