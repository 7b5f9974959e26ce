// Command fsm runs a gateway from files, and answers questions about them. What
// it does is in package cli; here is only the process.
package main

import (
	"context"
	"os"

	"fsm/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
