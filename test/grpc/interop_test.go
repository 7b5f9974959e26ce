package grpctest

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"fsm/internal/proxy/proxytest"
)

// The programs of google.golang.org/grpc/interop.
const (
	interopClient = "interop-client"
	interopServer = "interop-server"
)

// interopCases are those of the client that need no credentials of a cloud, with
// what they need besides. Left out are compute_engine_creds,
// service_account_creds, jwt_token_creds, per_rpc_creds, oauth2_auth_token,
// google_default_credentials and compute_engine_channel_credentials, and
// pick_first_unary, which needs a server that tells its name as this one does not.
var interopCases = []struct {
	name string
	args []string
}{
	{name: "empty_unary"},
	{name: "large_unary"},
	{name: "client_streaming"},
	{name: "server_streaming"},
	{name: "ping_pong"},
	{name: "empty_stream"},
	{name: "timeout_on_sleeping_server"},
	{name: "cancel_after_begin"},
	{name: "cancel_after_first_response"},
	{name: "status_code_and_message"},
	{name: "special_status_message"},
	{name: "custom_metadata"},
	{name: "unimplemented_method"},
	{name: "unimplemented_service"},
	{name: "rpc_soak"},
	{name: "channel_soak"},
	{name: "orca_per_rpc", args: []string{loadReports}},
	{name: "orca_oob", args: []string{loadReports}},
}

// loadReports has the client look at the load reports of servers.
const loadReports = `--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`

// serverName is in the certificates of servers and gateways.
const serverName = "localhost"

// TestInterop has grpc-go's interop client ask its interop server.
func TestInterop(t *testing.T) {
	dir := t.TempDir()
	ca := proxytest.NewAuthority(t, "interop")
	cert, key := ca.Issue(proxytest.Names{CommonName: serverName, DNS: []string{serverName}})
	write(t, dir, map[string]string{"ca.pem": ca.PEM, "cert.pem": cert, "key.pem": key})
	serverTLS := []string{"--use_tls", "--tls_cert_file=" + filepath.Join(dir, "cert.pem"), "--tls_key_file=" + filepath.Join(dir, "key.pem")}
	clientTLS := []string{"--use_tls", "--use_test_ca", "--ca_file=" + filepath.Join(dir, "ca.pem"), "--server_host_override=" + serverName}

	t.Run("plaintext", func(t *testing.T) {
		runInterop(t, gateway{server: startInteropServer(t)})
	})
	t.Run("tls", func(t *testing.T) {
		runInterop(t, gateway{
			server: startInteropServer(t, serverTLS...), authority: []byte(ca.PEM),
			certificate: []byte(cert), key: []byte(key),
		}, clientTLS...)
	})
	t.Run("tls-terminated", func(t *testing.T) {
		if *direct {
			t.Skip("needs a gateway to end TLS")
		}
		runInterop(t, gateway{server: startInteropServer(t), certificate: []byte(cert), key: []byte(key)}, clientTLS...)
	})
}

// write writes files, with their content by name.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runInterop runs all cases through a gateway.
func runInterop(t *testing.T, g gateway, args ...string) {
	client := tool(t, interopClient)
	addr := g.server
	if !*direct {
		g.log = testLog{t}
		var wait func()
		var err error
		if addr, wait, err = g.start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(wait)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--server_host=" + host, "--server_port=" + port}, args...)
	for _, test := range interopCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, client, slices.Concat(args, test.args, []string{"--test_case=" + test.name})...).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// listening is what the server logs when it does.
var listening = regexp.MustCompile(`interop server listening on \S+:(\d+)`)

// startInteropServer runs the server until the test ends, and says where.
func startInteropServer(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool(t, interopServer), append([]string{"--port=0"}, args...)...)
	cmd.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=info")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		wg.Wait()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			wg.Go(func() { _, _ = io.Copy(io.Discard, stderr) })
			return net.JoinHostPort("127.0.0.1", m[1])
		}
	}
	t.Fatalf("the interop server does not listen: %v", lines.Err())
	return ""
}

// testLog writes a gateway's log to the test's.
type testLog struct{ t *testing.T }

// Write implements io.Writer.
func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}
