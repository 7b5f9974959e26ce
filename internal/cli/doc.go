// Package cli is the fsm command: one file for each of its commands.
//
// It composes and prints. What objects mean, which listener takes a request and
// what a proxy does with it is decided by the packages that it brings together;
// nothing is judged twice, so that a command and a gateway never disagree.
//
// Results go to standard output and everything else to standard error. The exit
// code is 0 for success, 1 for failure, and 2 for a command line that makes no
// sense.
package cli
