// Package backend has the simplest servers that a proxy can stand in front of:
// one that sends messages back, one that sends without end, one that answers gRPC
// calls, and some that answer HTTP requests with a fixed body, where nginx is not
// there to do it or costs too much.
//
// They do not check what they are sent.
package backend
