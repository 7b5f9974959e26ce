// Package standin has small servers that answer like the workloads of the pages
// in examples: kennethreitz/httpbin, Pipy's echo server, grpcbin, fortio's
// UDP echo, and the public site httpbin.org with the name server that knows it.
//
// They exist so that the pages can be followed, and tested, without a cluster
// and without the network. They answer what the pages ask for and nothing else:
// whoever needs a whole httpbin should run one.
package standin
