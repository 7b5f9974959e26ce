// Package policy is the index of the policies that users attach to other
// objects. Front-ends consult it while they build a route, a backend or a
// listener; nothing is patched afterwards, so no policy can come too late.
//
// Policies act on what they are attached to and on nothing else. Which of two
// policies counts is decided here, once: the more specific target, then the
// older policy. A policy that counts but cannot be put to work makes what it
// protects fail; it never falls back to a weaker policy or to none.
package policy
