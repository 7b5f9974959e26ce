// Package hello is a gRPC server to try things with: hello.HelloService, as the
// public grpcbin has it, with server reflection, so that clients such as grpcurl
// need no proto file.
//
// Its messages are made at run time from a description in Go, since three strings
// are not worth a code generator. It greets, and does nothing else: it has no
// health service, no TLS, no options.
package hello
