// Package load asks servers for things, and counts the answers.
//
// There are two kinds of load. In a closed loop each client sends its next
// request when it has the answer to the last one: that shows what a request costs
// when the server is busy, but a server that stalls is asked less while it does.
// In an open loop requests are sent at times that were drawn beforehand, and an
// answer is late measured from the time its request was due: that shows what
// users would wait. wrk, where it is installed, drives the closed loops over
// HTTP, as the neutral party.
//
// The generators share one CPU with the backend and are written to use little of
// it: connections are kept, requests are made once, and nothing of net/http is
// used. They refuse to interpret: whatever is not the expected answer is an error
// to be counted, and is never sent again.
package load
