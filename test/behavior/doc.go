// Package behavior tests what a user can observe: scripts start a gateway from
// manifests, change the manifests, send traffic, and say what must come back.
//
// The gateway is the whole pipeline, from files to sockets, in the test's own
// process. Nothing in it is replaced, so a script can see only what a user could
// see, and cannot reach into the translation or the proxy. README.md describes
// the commands of scripts.
package behavior
