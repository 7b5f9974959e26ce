package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"fsm/internal/controller"
	"fsm/internal/deliver"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// serving is a gateway in this process: control plane and proxy.
type serving struct {
	source  controller.Source
	config  translate.Config
	node    project.Node
	process process.Options
	// applied is called each time that the proxy has answered. It may end the
	// gateway with an error.
	applied func(*proxy.Proxy, *report.Report) error
}

func (s *serving) run(ctx context.Context) error {
	err := process.Run(ctx, s.process, s.feed)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; is another fsm running? choose another address with --admin, or none with --admin=", err)
	}
	return err
}

// feed runs the loop: from the source to the proxy, and from the proxy's answer
// to the report.
func (s *serving) feed(ctx context.Context, p *proxy.Proxy) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	reports := &controller.Reports{Publish: func(r *report.Report) {
		if err := s.applied(p, r); err != nil {
			stop(err)
		}
	}}
	loop := &controller.Loop{
		Sources:    []controller.Source{s.source},
		Translator: translate.New(s.config),
		Translated: reports.Translated,
	}
	selected := func(m *ir.Mesh) *ir.Snapshot { return project.Project(m, s.node) }
	local := deliver.NewLocal(selected, p.Apply, reports.Answered)
	loop.Delivery = local
	var wg sync.WaitGroup
	wg.Go(func() { local.Run(ctx) })
	loop.Run(ctx)
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// logging is how the gateway's own log looks.
type logging struct{ format, level string }

func (l *logging) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.format, "log-format", "text", "log as text or json")
	cmd.Flags().StringVar(&l.level, "log-level", l.level, "log debug, info, warn or error, and what is worse")
}

// apply sets up the log of a process.
func (l *logging) apply(o *process.Options, out io.Writer) error {
	if err := oneOf("log-format", l.format, "text", "json"); err != nil {
		return err
	}
	o.Level = new(slog.LevelVar)
	if err := o.Level.UnmarshalText([]byte(l.level)); err != nil {
		return usagef("--log-level %q: want debug, info, warn or error", l.level)
	}
	how := &slog.HandlerOptions{Level: o.Level}
	if l.format == "json" {
		o.Log = slog.New(slog.NewJSONHandler(out, how))
	} else {
		o.Log = slog.New(slog.NewTextHandler(out, how))
	}
	return nil
}

// announceAdmin prints where the admin interface is.
func announceAdmin(out io.Writer) func(net.Addr) {
	return func(a net.Addr) { fmt.Fprintf(out, "admin interface on http://%s\n", a) }
}
