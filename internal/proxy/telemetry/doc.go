// Package telemetry counts and logs what the proxy does.
//
// Everything on the request path is looked up when a snapshot is applied: a
// request adds to counters it already has a pointer to. The number of series does
// not grow with the number of routes: by default there are requests, errors and
// durations per listener; per route and per backend only when asked for, and then
// up to a cap.
//
// Access log lines are gathered in memory and written by one goroutine; when the
// reader is slower than the traffic, lines are dropped and counted, and traffic
// is not.
package telemetry
