package peer

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"fsm/test/bench/internal/backend"
	"fsm/test/bench/internal/load"
)

// Backend starts the backend for a protocol, HTTP or H2C, on the CPU of the load
// generators: nginx, or one of our own where nginx is not installed.
func (l *Lab) Backend(ctx context.Context, protocol Protocol) (addr string, stop func(), err error) {
	if l.Programs.Nginx == "" {
		own := backend.HTTP
		if protocol.Multiplexed() {
			own = backend.H2Pages
		}
		s, err := own()
		if err != nil {
			return "", nil, err
		}
		return s.Addr, s.Close, nil
	}
	c, err := l.nginxCommand("backend")
	if err != nil {
		return "", nil, err
	}
	if addr, err = l.address(); err != nil {
		return "", nil, err
	}
	err = write(c.config, "backend.conf.tmpl", backendValues{
		Dir: c.dir, Listen: addr, H2C: protocol.Multiplexed(), Root: os.Geteuid() == 0, Connections: l.connections(),
		Small: strings.Repeat("b", load.Small.Size()), LargePath: load.Large,
		KiB: strings.Repeat("b", 1<<10), Large: strings.Repeat("$kib", load.Large.Size()>>10),
	})
	if err != nil {
		return "", nil, err
	}
	p, err := l.start(c, l.Layout.Load)
	if err != nil {
		return "", nil, err
	}
	if err := p.await(ctx, probe(load.Target{Addr: addr}, Site{Protocol: protocol})); err != nil {
		p.Stop()
		return "", nil, err
	}
	return addr, p.Stop, nil
}

// backendValues are for backend.conf.tmpl.
type backendValues struct {
	Dir, Listen string
	H2C, Root   bool
	Connections int
	Small       string
	LargePath   load.Body
	// KiB is put together to Large: nginx takes no words of 4 KiB, but variables.
	KiB, Large string
}

// nginxCommand is an nginx with a directory and an empty configuration.
func (l *Lab) nginxCommand(name string) (command, error) {
	dir, err := l.directory(name)
	if err != nil {
		return command{}, err
	}
	config := filepath.Join(dir, "nginx.conf")
	return command{
		name: name, path: l.Programs.Nginx, dir: dir, config: config, reaps: true,
		// Without -e nginx first opens the log that its package names.
		args: []string{"-p", dir, "-e", "stderr", "-c", config},
	}, nil
}
