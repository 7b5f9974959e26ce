// Package policy tries every kind of policy at everything that it can be attached to:
// as it should be, beside an older one, with a target that is not there, without its
// Secret, and taken away while it is in use. Each time the condition has to say what the
// traffic shows.
//
// Objects go the way that they go in a process that reads files, from text to a running
// proxy. What exactly a policy does is tested where it does it.
package policy
