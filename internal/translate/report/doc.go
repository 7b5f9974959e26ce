// Package report holds what a translation has to say to users: the status of
// every object, in the Gateway API's own types, and warnings.
//
// A status is a value like any other result. The Report carries our
// controllerName and no transition times; whoever writes statuses to a cluster
// merges them with what is there and sets the times. There is one named
// constructor per condition, so that a reason has one spelling and one meaning.
//
// What proxies answer later, for example that a port is taken, is joined by
// [Report.Apply], which makes a new Report and changes none.
package report
