package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"fsm/test/bench/internal/affinity"
	"fsm/test/bench/internal/peer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	os.Exit(code)
}

// options are the flags.
type options struct {
	proxy    string
	tests    *regexp.Regexp
	list     bool
	rounds   int
	duration time.Duration
	idle     time.Duration
	json     string
	strict   bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.proxy, "proxy", "bin/fsm-proxy", "the proxy under test")
	tests := f.String("run", "", "run only tests whose name matches this regular expression")
	f.BoolVar(&o.list, "list", false, "list the tests and end")
	f.IntVar(&o.rounds, "rounds", 5, "how many times each peer is measured in each test")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "how long each measurement takes; whole seconds")
	f.DurationVar(&o.idle, "idle", 30*time.Second, "how long connections are idle before their memory is measured")
	f.StringVar(&o.json, "json", "", "write the figures of every round to this file")
	f.BoolVar(&o.strict, "strict", false, "exit with status 1 when a promise is not kept or could not be checked")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q: there are no arguments besides flags", f.Arg(0))
	}
	if o.rounds < 1 {
		return o, errors.New("-rounds: want at least one")
	}
	if o.duration < time.Second || o.duration%time.Second != 0 {
		return o, errors.New("-duration: want whole seconds, at least one")
	}
	var err error
	if o.tests, err = regexp.Compile(*tests); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	return o, nil
}

// String says what shapes the figures.
func (o options) String() string {
	return fmt.Sprintf("%d rounds of %v, memory of connections that are idle for %v", o.rounds, o.duration, o.idle)
}

// Exit statuses.
const (
	exitOK = iota
	exitPromise
	exitError
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	o, err := parse(args, stderr)
	if err != nil {
		return exitError, err
	}
	chosen := choose(o.tests)
	if o.list {
		for _, t := range chosen {
			fmt.Fprintf(stdout, "%-16s %s\n", t.name, t.about)
		}
		return exitOK, nil
	}
	if len(chosen) == 0 {
		return exitError, fmt.Errorf("-run %s matches no test; -list shows them", o.tests)
	}
	s, cleanUp, err := prepare(o, stdout, stderr)
	if err != nil {
		return exitError, err
	}
	defer cleanUp()
	outcomes, err := s.runAll(ctx, chosen)
	report := report{Machine: s.machine, Settings: o.String(), Tests: outcomes}
	report.summary(stdout)
	if err == nil && o.json != "" {
		err = report.save(o.json)
	}
	switch {
	case err != nil:
		return exitError, err
	case o.strict && !report.kept():
		return exitPromise, nil
	}
	return exitOK, nil
}

// prepare sets the place up and says on what it runs.
func prepare(o options, stdout, stderr io.Writer) (*session, func(), error) {
	programs, missing, err := peer.Find(o.proxy)
	if err != nil {
		return nil, nil, err
	}
	layout, pinErr := affinity.Plan()
	dir, err := os.MkdirTemp(memoryDir(), "fsm-bench-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for configurations: %w", err)
	}
	cleanUp := func() { _ = os.RemoveAll(dir) }
	lab, err := peer.NewLab(dir, programs, layout)
	if err == nil {
		err = affinity.Confine(layout.Load)
	}
	if err != nil {
		cleanUp()
		return nil, nil, err
	}
	s := &session{lab: lab, options: o, machine: describe(layout, programs), stdout: stdout, progress: stderr}
	fmt.Fprintf(stdout, "%s\nsettings: %s\n", s.machine, o)
	for _, line := range missing {
		fmt.Fprintln(stdout, "note:", line)
	}
	if pinErr != nil {
		fmt.Fprintf(stdout, "note: processes go wherever the kernel likes, which blurs the figures: %v\n", pinErr)
	}
	return s, cleanUp, nil
}

// memoryDir is a directory in memory where there is one, so that access logs cost
// what the proxy spends on them and not what the disk does.
func memoryDir() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		if f, err := os.CreateTemp(shm, "fsm-bench-"); err == nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			return shm
		}
	}
	return os.TempDir()
}
