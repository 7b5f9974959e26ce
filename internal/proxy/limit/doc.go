// Package limit holds what limits count: buckets of requests, what each client does, and
// bytes.
//
// What is counted outlives the snapshots that say how much is allowed: a bucket is
// known by its name, and a snapshot that changes its size leaves in it what is there; so
// are clients. A limit is exact for the process: of requests that come at once, precisely
// as many get through as the bucket holds, whoever asks.
//
// The package knows no requests and writes no replies. Who is refused is somebody
// else's business.
package limit
