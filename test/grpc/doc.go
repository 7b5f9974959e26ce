// Package grpctest puts two judges of gRPC in front of the gateway: the
// interoperability client and server of grpc-go, and the conformance suite of
// Connect with its reference client and server. Both talk through a gateway that
// was made from manifests, in plaintext and with TLS.
//
// It is a module of its own, so that what the judges are built from stays out of
// the product's. It decides nothing about gRPC itself: a case is right when the
// judge says so, with and without the gateway.
package grpctest
