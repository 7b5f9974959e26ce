package explain_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"fsm/internal/explain"
	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// callAddress is a loopback address of this test's own.
const callAddress = "127.0.71.2"

// TestCallsAgreeWithProxy asks the package and a running proxy about the same
// gRPC calls.
func TestCallsAgreeWithProxy(t *testing.T) {
	model := serveCalls(t)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	answers := map[string]int{}
	for _, host := range []string{"shop.example.com", "web.example.com", "none.example.com", "nobody.example"} {
		for _, call := range []string{"shop.Cart/Add", "shop.Cart/Remove", "shop.Price/Watch", "shop.XY/GetAll", "shop.XY/Find", "other.X/Add"} {
			for _, beta := range []string{"1", "2"} {
				q := explain.Question{Method: explain.MethodGRPC, URL: call, Headers: []string{"Host: " + host, "x-beta: " + beta}}
				e, err := model.Explain(q)
				if err != nil {
					t.Fatal(err)
				}
				answers[e.Answer.Reason]++
				if err := callAgrees(e, transport, host, call, beta); err != nil {
					t.Errorf("%s, x-beta %s: %v\nexplained: %s", host, beta, err, text(t, e))
				}
			}
		}
	}
	for _, reason := range []string{"", "no_route", "no_host", "redirect", "backend_not_found", "no_endpoints", "no_backends"} {
		if answers[reason] == 0 {
			t.Errorf("no call had the answer %q: %v", reason, answers)
		}
	}
}

// serveCalls runs a proxy with the manifests of agree-grpc.yaml, and a backend.
func serveCalls(t *testing.T) *explain.Model {
	manifest, err := os.ReadFile("testdata/agree-grpc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.NewReplacer("ADDRESS", callAddress, "GREEN", strconv.Itoa(callee(t)))
	objects, problems := resource.Decode("agree-grpc.yaml", []byte(words.Replace(string(manifest))))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, config, node := resource.NewSet(objects), translate.Config{Standalone: true}, project.Node{Role: project.RoleGateway}
	mesh, _ := translate.Translate(set, config)
	proxytest.Start(t, proxy.Config{}).MustApply(project.Project(mesh, node))
	return explain.NewModel(set, explain.Options{Translate: config, Node: node})
}

// callee is a backend that answers calls with OK and what it was asked. It
// returns its port.
func callee(t *testing.T) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Echo", r.Method+" "+r.URL.Path+", host "+r.Host)
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ln) // ends with Close
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return ln.Addr().(*net.TCPAddr).Port
}

// callAgrees makes a call, and compares what comes back with an explanation.
func callAgrees(e *explain.Explanation, transport *http.Transport, host, call, beta string) error {
	r, err := http.NewRequest(http.MethodPost, "http://"+callAddress+":8000/"+call, http.NoBody)
	if err != nil {
		return err
	}
	r.Host = host
	r.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "X-Beta": {beta}}
	got, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	_ = got.Body.Close()
	if e.Answer.From == explain.FromBackend {
		if echo := got.Header.Get("Echo"); len(e.Destinations) != 1 || echo != e.Destinations[0].Sent {
			return fmt.Errorf("the backend saw %q", echo)
		}
		return nil
	}
	code, reason := got.Header.Get("Grpc-Status"), got.Header.Get("Fsm-Reason")
	if e.Answer.GRPCStatus == nil || got.StatusCode != e.Answer.Status || code != strconv.Itoa(e.Answer.GRPCStatus.Code) || reason != e.Answer.Reason {
		return fmt.Errorf("the proxy answered %s, grpc-status %s, %s", got.Status, code, reason)
	}
	return nil
}
