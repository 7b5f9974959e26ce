package grpctest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fsm/internal/proxy/proxytest"
)

// The programs of connectrpc.com/conformance.
const (
	connectConformance = "connectconformance"
	referenceClient    = "referenceclient"
	referenceServer    = "referenceserver"
	grpcClient         = "grpcclient"
	grpcServer         = "grpcserver"
)

// TestServers has the clients of the conformance suite, that of Connect and that
// of grpc-go, ask its servers. They look at what a gateway makes of requests.
func TestServers(t *testing.T) {
	self := executable(t)
	t.Run(referenceServer, func(t *testing.T) {
		conformance(t, suite{mode: "server", program: tool(t, referenceServer), gateway: []string{self, frontCommand}})
	})
	t.Run(grpcServer, func(t *testing.T) {
		s := suite{mode: "server", program: tool(t, grpcServer), gateway: []string{self, plainFrontCommand}, failing: "grpcserver-known-failing.txt"}
		if *direct {
			s.skip = []string{"**/TLS:true/**", "TLS Client Certs/**"} // it does not speak TLS
		}
		conformance(t, s)
	})
}

// TestClients has the servers of the suite answer its clients, rightly and
// wrongly. They look at what a gateway makes of responses.
func TestClients(t *testing.T) {
	dir := t.TempDir()
	cert, key := proxytest.NewAuthority(t, "suite").Issue(proxytest.Names{CommonName: serverName, DNS: []string{serverName}})
	write(t, dir, map[string]string{"cert.pem": cert, "key.pem": key})
	self := executable(t)
	t.Run(referenceClient, func(t *testing.T) {
		conformance(t, suite{
			mode: "client", program: tool(t, referenceClient),
			gateway: []string{self, behindCommand, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")},
		})
	})
	t.Run(grpcClient, func(t *testing.T) {
		s := suite{mode: "client", program: tool(t, grpcClient), gateway: []string{self, plainBehindCommand}, failing: "grpcclient-known-failing.txt"}
		if *direct {
			s.skip = []string{"**/TLS:true/**"} // it does not speak TLS
		}
		conformance(t, s)
	})
}

func executable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// suite is a run of the conformance suite.
type suite struct {
	// mode is what is under test, "client" or "server", and program such a one.
	mode, program string
	// gateway is the command that puts a gateway before or behind the program.
	gateway []string
	// failing is a file with the cases that the program itself fails.
	failing string
	skip    []string
}

// conformance runs the suite, and fails when one of its cases does.
func conformance(t *testing.T, s suite) {
	t.Helper()
	args := []string{"--mode", s.mode, "--conf", filepath.Join(testdata, s.mode+".yaml")}
	if s.failing != "" {
		args = append(args, "--known-failing", "@"+filepath.Join(testdata, s.failing))
	}
	for _, pattern := range s.skip {
		args = append(args, "--skip", pattern)
	}
	args = append(args, "--")
	if !*direct {
		args = slices.Concat(args, s.gateway)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(t, connectConformance), append(args, s.program)...)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(strings.TrimSpace(total.FindString(string(out))))
}

// total is the suite's summary.
var total = regexp.MustCompile(`(?s)Total cases: \d+.*`)
