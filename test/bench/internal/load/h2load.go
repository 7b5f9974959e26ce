package load

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// H2Load is a closed loop over HTTP/2, driven by h2load.
type H2Load struct {
	// Path of the program.
	Path string
	// Dir is a directory to put the list of requests in.
	Dir string
	// Start starts the program where load generators belong.
	Start func(*exec.Cmd) error

	URL      string // "http://127.0.0.1:8080"
	Clients  int    // connections
	Streams  int    // on each connection, at the same time
	Duration time.Duration
	Routes   int
	// Calls makes unary gRPC calls of it, whose messages and answers have the size of
	// a small body.
	Calls bool
}

// Run runs the load for its duration, or until the context ends.
func (l H2Load) Run(ctx context.Context) (Result, error) {
	args, err := l.arguments()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.Duration+2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.Path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := l.Start(cmd); err != nil {
		return Result{}, fmt.Errorf("start h2load: %w", err)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("h2load: %w", context.Cause(ctx))
	}
	if err != nil {
		return Result{}, fmt.Errorf("h2load: %w: %s", err, out.Bytes())
	}
	return l.parse(out.String())
}

// arguments writes the files that they name.
func (l H2Load) arguments() ([]string, error) {
	var urls []byte
	for i := range l.Routes {
		urls = fmt.Appendf(urls, "%s%s\n", l.URL, l.path(i))
	}
	list := filepath.Join(l.Dir, "h2load.urls")
	if err := os.WriteFile(list, urls, 0o600); err != nil {
		return nil, fmt.Errorf("write h2load's requests: %w", err)
	}
	args := []string{
		"-t1", "-c" + strconv.Itoa(l.Clients), "-m" + strconv.Itoa(l.Streams),
		"-D" + strconv.FormatFloat(l.Duration.Seconds(), 'f', -1, 64), "-i" + list,
	}
	if !l.Calls {
		return args, nil
	}
	message := filepath.Join(l.Dir, "h2load.message")
	if err := os.WriteFile(message, Message(Small.Size()), 0o600); err != nil {
		return nil, fmt.Errorf("write h2load's message: %w", err)
	}
	return append(args, "-d"+message, "-Hcontent-type: application/grpc", "-Hte: trailers"), nil
}

func (l H2Load) path(route int) string {
	if l.Calls {
		return MethodPath(route)
	}
	return Path(route, Small)
}

// MethodPath is the path of a call: a service, which is the route, and a method.
func MethodPath(route int) string { return RoutePrefix(route) + "/Method" }

func (l H2Load) answerSize() int {
	if l.Calls {
		return MessagePrefix + Small.Size()
	}
	return Small.Size()
}

// MessagePrefix is the size of what precedes each gRPC message: whether it is
// compressed, and its length.
const MessagePrefix = 5

// Message is a gRPC message of so many bytes with its prefix.
func Message(size int) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(size))
	return append(b, bytes.Repeat([]byte("m"), size)...)
}

// What h2load prints. The first line of each kind in its output is meant.
var (
	h2loadElapsed  = regexp.MustCompile(`(?m)^finished in ([0-9.]+)(us|ms|s|m), `)
	h2loadRequests = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2loadStatus   = regexp.MustCompile(`(?m)^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx`)
	h2loadContent  = regexp.MustCompile(`(?m)^traffic: .* \((\d+)\) data$`)
)

// parse reads what h2load prints. Bodies have to add up to what is expected: a gRPC
// call that fails has a 2xx status too, but no message.
func (l H2Load) parse(out string) (Result, error) {
	size := l.answerSize()
	elapsed := h2loadElapsed.FindStringSubmatch(out)
	requests, err := numbers(h2loadRequests, out)
	status, statusErr := numbers(h2loadStatus, out)
	content, contentErr := numbers(h2loadContent, out)
	if err := errors.Join(err, statusErr, contentErr); err != nil || elapsed == nil {
		return Result{}, fmt.Errorf("h2load printed no figures: %w: %s", err, strings.TrimSpace(out))
	}
	took, err := time.ParseDuration(elapsed[1] + elapsed[2])
	if err != nil {
		return Result{}, fmt.Errorf("h2load's figures: %w", err)
	}
	r := Result{Elapsed: took}
	r.note(status[1]+status[2]+status[3], "answers with a status other than 2xx")
	r.note(requests[3], "streams that failed")
	r.note(requests[4], "time-outs")
	// h2load begins to count between two frames of an answer, at worst on each stream.
	if whole := content[0] / size; whole < status[0]-l.Clients*l.Streams {
		r.note(status[0]-whole, "answers without a body, or with part of one")
	}
	r.Count = float64(status[0] - r.Errors)
	return r, nil
}

// note counts errors of a kind.
func (r *Result) note(n int, what string) {
	if n <= 0 {
		return
	}
	r.Errors += n
	r.Problem = errors.Join(r.Problem, fmt.Errorf("%d %s", n, what))
}

// numbers are the groups of a match.
func numbers(line *regexp.Regexp, out string) ([]int, error) {
	match := line.FindStringSubmatch(out)
	if match == nil {
		return nil, fmt.Errorf("nothing like %s", line)
	}
	list := make([]int, len(match)-1)
	for i, s := range match[1:] {
		var err error
		if list[i], err = strconv.Atoi(s); err != nil {
			return nil, err
		}
	}
	return list, nil
}
