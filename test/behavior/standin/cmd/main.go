// Command cmd runs the stand-ins for the workloads of the pages in
// examples, all of them or those that are named. Their ports are those
// of the examples' manifests and cannot be chosen.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"fsm/test/behavior/standin"
)

func main() {
	c := standin.Config{Output: os.Stdout}
	flag.StringVar(&c.Host, "host", "127.0.0.1", "address to listen on")
	flag.StringVar(&c.CertificateFile, "certificate", "", "file to write the certificate of httpbin.org to")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: standin [flags] [NAME...]\n\nNames: %s. Without a name all are started.\n\n", strings.Join(standin.Names(), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()
	c.Names = flag.Args()

	running, err := standin.Start(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
	}
	if len(running.Addresses) == 0 {
		os.Exit(1)
	}
	for _, name := range slices.Sorted(maps.Keys(running.Addresses)) {
		fmt.Printf("%s listens on %s\n", name, running.Addresses[name])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	running.Close()
}
