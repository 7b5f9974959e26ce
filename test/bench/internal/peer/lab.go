package peer

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"text/template"

	"fsm/test/bench/internal/affinity"
)

// Lab is where peers run.
type Lab struct {
	Programs Programs
	Layout   affinity.Layout
	// Dir is for configurations and logs.
	Dir string
	// Files is how many files a process may have open.
	Files int

	starter  *affinity.Starter
	cert     *certificate
	lastPort int
	started  int
}

// NewLab makes a lab in a directory.
func NewLab(dir string, programs Programs, layout affinity.Layout) (*Lab, error) {
	files, err := raiseFileLimit()
	if err != nil {
		return nil, err
	}
	cert, err := makeCertificate()
	if err != nil {
		return nil, err
	}
	return &Lab{
		Programs: programs, Layout: layout, Dir: dir, Files: files,
		starter: affinity.NewStarter(), cert: cert, lastPort: firstPort,
	}, nil
}

// raiseFileLimit lets this process and its children open as many files as they
// may. Go does as much for itself, but not for its children.
func raiseFileLimit() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("look up the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the limit of open files: %w", err)
	}
	return int(min(limit.Max, 1<<20)), nil
}

// StartLoad starts a load generator where load generators belong.
func (l *Lab) StartLoad(cmd *exec.Cmd) error { return l.starter.Start(cmd, l.Layout.Load) }

// Ports are taken from below those that the kernel gives to connections, so that
// no connection has one when a peer wants it.
const firstPort, endOfPorts = 18000, 32000

// address finds an address that nobody listens on.
func (l *Lab) address() (string, error) {
	for l.lastPort++; l.lastPort < endOfPorts; l.lastPort++ {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(l.lastPort))
		if ln, err := net.Listen("tcp4", addr); err == nil {
			return addr, ln.Close()
		}
	}
	return "", fmt.Errorf("no port is free between %d and %d", firstPort, endOfPorts)
}

// directory makes a directory for one process.
func (l *Lab) directory(name string) (string, error) {
	l.started++
	dir := filepath.Join(l.Dir, strconv.Itoa(l.started)+"-"+name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for %s: %w", name, err)
	}
	return dir, nil
}

// command is how to start a program.
type command struct {
	name, path, dir string
	config          string // file
	args            []string
	stdout          string // file to append standard output to; empty for none
	// reaps is for a program with children, which ends at once when it is told to
	// and takes them along. Killed children would stay behind as zombies where
	// process 1 does not wait for them, as in many containers.
	reaps bool
}

//go:embed *.tmpl
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "*.tmpl"))

// write fills in a template.
func write(path, name string, values any) error {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, values); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// connections is how many connections nginx and HAProxy are told to allow: a
// proxied one takes two files, and HAProxy refuses to start if it could not serve
// as many as it is told.
func (l *Lab) connections() int { return min(9000, l.Files/2-100) }
