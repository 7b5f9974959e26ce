// Package admin is the proxy's own HTTP interface, for probes, metrics and
// people. It listens apart from the traffic and uses net/http, whose strictness
// is enough here: it is meant for the loopback interface or the pod network and
// changes nothing but the log level.
//
// Private keys never leave through it.
package admin
