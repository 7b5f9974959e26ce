// Command pipy stands in for the programmable proxy of that name where the pages
// use it as a server: with a script of one line, as package script understands it,
// or as the image addozhang/httpbin starts it, with the gateway of Pipy's tutorial.
// It is no Pipy: whatever else it is asked to do is an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"fsm/test/images/pipy/script"
	"fsm/test/images/serve"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pipy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("pipy", flag.ContinueOnError)
	text := flags.String("e", "", "script")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not understood; only scripts given with -e are", flags.Args())
	}
	var servers []serve.Server
	var err error
	switch config := os.Getenv("PIPY_CONFIG_FILE"); {
	case *text != "":
		servers, err = scripted(ctx, *text, log)
	case config == tutorialConfig:
		servers, err = tutorial(ctx, tutorialSecret)
	default:
		err = errors.New("usage: pipy -e SCRIPT")
	}
	if err != nil {
		return err
	}
	for _, s := range servers {
		fmt.Fprintln(log, "listening on", s.Listener.Addr())
	}
	return serve.Run(ctx, servers...)
}

// scripted are the servers of a script.
func scripted(ctx context.Context, text string, log io.Writer) ([]serve.Server, error) {
	parsed, err := script.Parse(text, log)
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	var servers []serve.Server
	for _, s := range parsed {
		ln, err := serve.Listen(ctx, net.JoinHostPort("", strconv.Itoa(s.Port)))
		if err != nil {
			return nil, err
		}
		servers = append(servers, serve.Server{Listener: ln, Handler: s})
	}
	return servers, nil
}
