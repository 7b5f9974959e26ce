package load

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wrkScript makes wrk ask for the routes in turn and print its figures on one
// line.
//
//go:embed wrk.lua
var wrkScript []byte

// Wrk is a closed loop driven by wrk.
type Wrk struct {
	// Path of the program.
	Path string
	// Dir is a directory to put the script in.
	Dir string
	// Start starts the program where load generators belong.
	Start func(*exec.Cmd) error

	URL      string // "http://127.0.0.1:8080"
	Clients  int
	Duration time.Duration // rounded up to seconds
	Routes   int
	Body     Body
}

// Run runs the load for its duration, or until the context ends.
func (l Wrk) Run(ctx context.Context) (Result, error) {
	script := filepath.Join(l.Dir, "wrk.lua")
	if err := os.WriteFile(script, wrkScript, 0o600); err != nil {
		return Result{}, fmt.Errorf("write wrk's script: %w", err)
	}
	seconds := int(math.Ceil(l.Duration.Seconds()))
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.Path,
		"-t1", "-c"+strconv.Itoa(l.Clients), "-d"+strconv.Itoa(seconds)+"s", "-s", script,
		l.URL, "--", strconv.Itoa(l.Routes), string(l.Body))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := l.Start(cmd); err != nil {
		return Result{}, fmt.Errorf("start wrk: %w", err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("wrk: %w", context.Cause(ctx))
	}
	if err != nil {
		return Result{}, fmt.Errorf("wrk: %w: %s", err, out.Bytes())
	}
	return parseWrk(out.String())
}

// wrkMark begins the line with the figures.
const wrkMark = "figures:"

// wrkErrors are the kinds of errors in the order of the line.
var wrkErrors = [...]string{"connect", "read", "write", "status", "timeout"}

// parseWrk reads the line that the script prints: requests, microseconds, the
// errors of each kind, and three percentiles in microseconds.
func parseWrk(out string) (Result, error) {
	_, line, ok := strings.Cut(out, wrkMark)
	if !ok {
		return Result{}, fmt.Errorf("wrk printed no figures: %s", out)
	}
	line, _, _ = strings.Cut(line, "\n")
	var values []float64
	for _, field := range strings.Fields(line) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return Result{}, fmt.Errorf("wrk's figures: %w", err)
		}
		values = append(values, v)
	}
	const before, percentiles = 2, 3
	if len(values) != before+len(wrkErrors)+percentiles {
		return Result{}, fmt.Errorf("wrk printed %d figures: %s", len(values), line)
	}
	r := Result{Count: values[0], Elapsed: microseconds(values[1])}
	for i, kind := range wrkErrors {
		if n := int(values[before+i]); n > 0 {
			r.Errors += n
			r.Problem = errors.Join(r.Problem, fmt.Errorf("%d %s errors", n, kind))
		}
	}
	p := values[before+len(wrkErrors):]
	r.Latency = Latency{P50: microseconds(p[0]), P99: microseconds(p[1]), P999: microseconds(p[2])}
	return r, nil
}

func microseconds(v float64) time.Duration { return time.Duration(v * float64(time.Microsecond)) }
