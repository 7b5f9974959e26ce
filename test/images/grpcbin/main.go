// Command grpcbin is the image moul/grpcbin as far as the pages go: the service
// hello.HelloService with server reflection, in plain text, on the port of the
// original. The other services of the original, and its port with TLS, are left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"fsm/internal/hello"
	"fsm/test/images/serve"
)

func main() {
	addr := flag.String("insecure-addr", ":9000", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "grpcbin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	server, err := hello.NewServer()
	if err != nil {
		return err
	}
	ln, err := serve.Listen(ctx, addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", ln.Addr())
	stop := context.AfterFunc(ctx, server.GracefulStop)
	defer stop()
	return server.Serve(ln)
}
