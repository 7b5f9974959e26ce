package peer

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Programs are the paths of the programs that take part; empty for one that is
// not there.
type Programs struct {
	FSM, Nginx, HAProxy, Wrk, H2Load string
}

// Find looks for the programs. fsm is the path of fsm-proxy, which has to be
// built already. For each program that is not there a line says what to do.
func Find(fsm string) (p Programs, missing []string, err error) {
	if p.FSM, err = filepath.Abs(fsm); err == nil {
		_, err = os.Stat(p.FSM)
	}
	if err != nil {
		return p, nil, fmt.Errorf("find the proxy under test (make build makes it): %w", err)
	}
	for _, program := range []struct {
		path       *string
		name, with string
	}{
		{&p.Nginx, "nginx", "apt-get install nginx libnginx-mod-stream; without it there is no such peer, and a backend of our own takes its place"},
		{&p.HAProxy, "haproxy", "apt-get install haproxy; without it there is no such peer"},
		{&p.Wrk, "wrk", "apt-get install wrk; without it a load generator of our own takes its place"},
		{&p.H2Load, "h2load", "apt-get install nghttp2-client; without it nothing is measured over HTTP/2"},
	} {
		if *program.path, err = find(program.name); err != nil {
			missing = append(missing, fmt.Sprintf("%s is not installed: %s", program.name, program.with))
		}
	}
	return p, missing, nil
}

// find looks beyond PATH, which leaves out system programs for most users.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	return path, err
}

var versionNumber = regexp.MustCompile(`\d+\.\d+\.\d+\S*`)

// Versions says which programs are compared, on one line.
func (p Programs) Versions() string {
	words := []string{"fsm-proxy " + buildOf(p.FSM)}
	for _, program := range []struct{ name, path, flag string }{
		{"nginx", p.Nginx, "-v"}, {"HAProxy", p.HAProxy, "-v"},
	} {
		if program.path == "" {
			continue
		}
		out, _ := exec.Command(program.path, program.flag).CombinedOutput() // nothing known is an answer
		words = append(words, program.name+" "+versionNumber.FindString(string(out)))
	}
	return strings.Join(words, ", ")
}

// buildOf is the commit and the Go version that a binary carries.
func buildOf(path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "of unknown origin"
	}
	revision, changed := "without commit", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	return revision + changed + " (" + info.GoVersion + ")"
}

// streamModule is the module that lets nginx relay TCP; empty if it is built in.
func (p Programs) streamModule() (string, error) {
	out, err := exec.Command(p.Nginx, "-V").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask nginx for its modules: %w", err)
	}
	dir, builtIn := "", false
	for word := range strings.FieldsSeq(string(out)) {
		if value, ok := strings.CutPrefix(word, "--modules-path="); ok {
			dir = value
		}
		builtIn = builtIn || word == "--with-stream"
	}
	if builtIn {
		return "", nil
	}
	module := filepath.Join(dir, "ngx_stream_module.so")
	if _, err := os.Stat(module); err != nil {
		return "", errors.New("nginx cannot relay TCP: apt-get install libnginx-mod-stream")
	}
	return module, nil
}
