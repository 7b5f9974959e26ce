package ir

import "slices"

// grpcCodes are the names of gRPC's status codes (github.com/grpc/grpc,
// doc/statuscodes.md).
var grpcCodes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED",
}

// GRPCCodeName is the name of a status code; empty for one that gRPC does not have.
func GRPCCodeName(code int) string {
	if code < 0 || code >= len(grpcCodes) {
		return ""
	}
	return grpcCodes[code]
}

// GRPCCode is the status code with a name.
func GRPCCode(name string) (code uint32, ok bool) {
	i := slices.Index(grpcCodes[:], name)
	return uint32(max(i, 0)), i >= 0
}
