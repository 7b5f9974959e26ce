// Package overload tells when memory runs short, so that a proxy does less in
// good time: it is better to refuse a request with a 503 than to be killed by
// the kernel with all that are in progress.
//
// There are two steps. When memory is Tight, connections are not kept open for
// later; when it is Full, no new work is begun. What is in progress goes on at
// either. The package refuses to guess at a limit: without one, nothing is ever
// tight.
package overload
