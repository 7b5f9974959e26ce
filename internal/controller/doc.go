// Package controller is the loop that turns what users say into what proxies do:
// sources, translation, delivery, report.
//
// The loop is driven by state and not by events: a source says that something
// changed, and everything is looked at again. The translator remembers what did
// not change, so that this is cheap.
package controller
