// Command grpcurl is for those who follow the pages and have no grpcurl. It can
// do what the pages ask for, which is a unary call without TLS, and no more.
package main

import (
	"context"
	"fmt"
	"os"

	"fsm/test/behavior/standin"
)

func main() {
	if err := standin.Grpcurl(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
