package behavior

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/internal/proxy/proxytest"
)

// script is the state of a running script.
type script struct {
	tb testing.TB
	// ip is the script's own loopback address: its gateway, its backends and its
	// stand-ins listen there, so that ports can be fixed and scripts can still run
	// side by side.
	ip string
	// work is the directory of the script's files, live the one that the gateway
	// watches.
	work, live string
	// example is the page's directory; empty for features.
	example string
	used    *usage

	versions versions
	added    adapted
	// migration is nil but for rows of the table of annotations.
	migration *migration

	gateway     *gateway
	backends    map[string]*backend
	websockets  map[string]*websocketConn
	connections map[string]net.Conn
	authorities map[string]*proxytest.Authority
	records     records
	nextPort    int
	state       int
	last        response
	output      lockedBuffer
}

type scriptKey struct{}

func stateOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// firstAddress is where in 127.64.0.0 … 127.191.255.255 this process begins.
var firstAddress = rand.Int64N(1 << 23)

var addresses atomic.Int64

func nextAddress() string {
	n := (firstAddress + addresses.Add(1)) % (1 << 23)
	return fmt.Sprintf("127.%d.%d.%d", 64+n>>16, n>>8&0xff, n&0xff)
}

// newScript prepares a script: its address, its directories, and a .curlrc that
// keeps curl quiet.
func newScript(env *testscript.Env, r run) error {
	s := &script{
		tb: env.T().(testing.TB), ip: nextAddress(),
		work: env.WorkDir, live: filepath.Join(env.WorkDir, "live"), example: r.example, used: &usage{},
		versions: r.versions, migration: r.migration, added: adapted{policies: r.policies, ports: map[string]bool{}},
		backends: map[string]*backend{}, websockets: map[string]*websocketConn{}, connections: map[string]net.Conn{},
		authorities: map[string]*proxytest.Authority{}, nextPort: 9001,
	}
	s.records.at = map[string][]string{}
	env.Values[scriptKey{}] = s
	env.Setenv("GATEWAY_IP", s.ip)
	env.Setenv("EXAMPLE", s.example)
	env.Setenv("HOME", s.work)
	env.Defer(s.close)
	if err := os.Mkdir(s.live, 0o755); err != nil {
		return err
	}
	if s.example != "" {
		s.tb.Cleanup(func() { s.used.check(s.tb, s.example) })
	}
	return s.curlrc("silent", "show-error", `noproxy = "*"`, "max-time = 20", s.versions.client.curlOption())
}

func (s *script) close() {
	for _, c := range s.websockets {
		_ = c.Close()
	}
	if s.gateway != nil {
		s.gateway.close()
	}
	for _, b := range s.backends {
		b.close()
	}
}

// curlrc adds lines to curl's configuration.
func (s *script) curlrc(lines ...string) error {
	f, err := os.OpenFile(filepath.Join(s.work, ".curlrc"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return err
}

// address is where a port of the script's own is: "8000" stands for that port of
// the script's address.
func (s *script) address(port string) string { return net.JoinHostPort(s.ip, port) }

// prepare returns a copy of a script in which shell lines are commands that
// testscript can read: "$ LINE" becomes "sh 'LINE'", on the line where it was. A
// shell line goes on after a backslash.
func prepare(script []byte) []byte {
	lines := strings.Split(string(script), "\n")
	for i := 0; i < len(lines) && !strings.HasPrefix(lines[i], "-- "); i++ {
		neg, line := "", lines[i]
		if rest, ok := strings.CutPrefix(line, "! "); ok {
			neg, line = "! ", rest
		}
		line, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		first := i
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(lines[i])
			lines[i] = ""
		}
		lines[first] = neg + "sh '" + strings.ReplaceAll(line, "'", "''") + "'"
	}
	return []byte(strings.Join(lines, "\n"))
}

// tools that shell lines need and that a machine may lack, with their packages.
var tools = map[string]string{"curl": "curl", "nc": "netcat-openbsd", "openssl": "openssl"}

// need skips a test when one of the tools of a shell line is missing. In CI it
// fails.
func need(tb testing.TB, line string) {
	tb.Helper()
	for word := range strings.FieldsSeq(line) {
		pkg, ok := tools[word]
		if !ok {
			continue
		}
		if _, err := exec.LookPath(word); err != nil {
			missing(tb, fmt.Sprintf("%s is not installed (Debian package %s)", word, pkg))
		}
	}
}

// missing ends a test that the machine cannot run.
func missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatal(what)
	}
	tb.Skip(what)
}

// shell runs a line as the user's shell would.
func shell(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	need(s.tb, args[0])
	line := strings.ReplaceAll(s.securedLine(args[0]), temporary, s.work+"/")
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{
		"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "WORK=" + ts.Getenv("WORK"),
		"GATEWAY_IP=" + ts.Getenv("GATEWAY_IP"), "HOST_IP=" + ts.Getenv("GATEWAY_IP"), "EXAMPLE=" + ts.Getenv("EXAMPLE"),
	}
	if bundle := ts.Getenv("CURL_CA_BUNDLE"); bundle != "" {
		cmd.Env = append(cmd.Env, "CURL_CA_BUNDLE="+bundle)
	}
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	switch err := cmd.Run(); {
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("it succeeded")
	}
}
