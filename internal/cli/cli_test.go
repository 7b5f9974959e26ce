package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/cli"
	"fsm/internal/ir"
)

// result is what a command did.
type result struct {
	code     int
	out, err string
}

// fsm runs a command.
func fsm(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return result{code, out.String(), err.String()}
}

const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: fsm
  listeners: [{name: http, protocol: HTTP, port: 8000}]
`

const route = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`

const backend = `
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: "", port: 80}]
endpoints: [{addresses: [10.0.0.1]}]
`

// TestUsageErrors: a command line that makes no sense ends with code 2 and a line
// that says what would.
func TestUsageErrors(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"run"}, "no files: say which with -f FILE"},
		{[]string{"validate"}, "no files and no cluster: say which files with -f FILE"},
		{[]string{"validate", "extra", "-f", "-"}, "unknown command \"extra\""},
		{[]string{"validate", "-f", "-", "-o", "xml"}, `--output "xml": want text or json`},
		{[]string{"validate", "-f", "-", "--bind", "localhost"}, `--bind "localhost": want an IP address`},
		{[]string{"demo", "--bind", ""}, "--bind is empty"},
		{[]string{"translate", "-f", "-", "--with-secrets"}, "--with-secrets needs -o json"},
		{[]string{"explain", "-f", "-", "GET"}, "accepts 2 arg(s), received 1"},
		{[]string{"explain", "--colour"}, "unknown flag: --colour"},
		{[]string{"run", "-f", "x", "--log-level", "loud"}, `--log-level "loud": want debug, info, warn or error`},
		{[]string{"run", "-f", "x", "--log-format", "xml"}, `--log-format "xml": want text or json`},
		{[]string{"vaildate"}, `there is no command "vaildate"; is it validate?`},
		{[]string{"bake"}, `there is no command "bake"`},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			r := fsm(t, "", test.args...)
			if r.code != 2 || !strings.HasPrefix(r.err, "fsm: ") || !strings.Contains(r.err, test.want) {
				t.Errorf("code %d, %q; want 2 and %q", r.code, r.err, test.want)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for _, args := range [][]string{
		{"validate", "-f", missing}, {"translate", "-f", missing}, {"run", "-f", missing}, {"run", "-f", "-"},
		{"explain", "-f", missing, "GET", "http://a/"}, {"explain", "-f", "-", "GET", "a"},
	} {
		if r := fsm(t, "", args...); r.code != 1 || !strings.HasPrefix(r.err, "fsm: ") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%s: code %d, %q; want 1 and one line", args, r.code, r.err)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"--help"}} {
		if r := fsm(t, "", args...); r.code != 0 || !strings.Contains(r.out, "fsm demo") {
			t.Errorf("%q: code %d\n%s", args, r.code, r.out)
		}
	}
	if r := fsm(t, "", "version"); r.code != 0 || !strings.HasPrefix(r.out, "fsm ") {
		t.Errorf("version: code %d, %q", r.code, r.out)
	}
	if r := fsm(t, "", "completion", "bash"); r.code != 0 || !strings.Contains(r.out, "__start_fsm") {
		t.Errorf("completion: code %d", r.code)
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name, input string
		code        int
		out, err    string
	}{
		{"in order", gateway + route + backend, 0, `Gateway default/gw  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener http  kinds=HTTPRoute,GRPCRoute  routes=1  Accepted=True  Programmed=True  ResolvedRefs=True
HTTPRoute default/web  parent Gateway gw  Accepted=True  ResolvedRefs=True
`, ""},
		{"reference that does not resolve", gateway + route, 0, `Gateway default/gw  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener http  kinds=HTTPRoute,GRPCRoute  routes=1  Accepted=True  Programmed=True  ResolvedRefs=True
HTTPRoute default/web  parent Gateway gw  Accepted=True  ResolvedRefs=False/BackendNotFound: Service default/web does not exist
`, ""},
		{"refused", gateway + strings.Replace(route, "rules:", "rules: 5 #", 1), 1, `Gateway default/gw  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener http  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
HTTPRoute default/web  Accepted=False/Invalid: spec.rules: must be of type array, not integer (stdin:10)
`, "fsm: 1 object is not accepted\n"},
		{"not accepted", gateway + strings.Replace(route, "name: gw", "name: gw, sectionName: x", 1) + backend, 1, `Gateway default/gw  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener http  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
HTTPRoute default/web  parent Gateway gw section x  Accepted=False/NoMatchingParent: Gateway default/gw has no listener "x"  ResolvedRefs=True
`, "fsm: 1 object is not accepted\n"},
		{"warning", "kind: Pod\napiVersion: v1\nmetadata: {name: p}\n", 0, "Pod p  warning: Pod p is not used (stdin:1)\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := fsm(t, test.input, "validate", "-f", "-")
			if diff := cmp.Diff(result{test.code, test.out, test.err}, r, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestValidateJSON(t *testing.T) {
	r := fsm(t, gateway+strings.Replace(route, "rules:", "rules: 5 #", 1), "validate", "-f", "-", "-o", "json")
	var got struct {
		Accepted bool
		Objects  []struct {
			Kind, Namespace, Name string
			Accepted              bool
			Status                struct{ Listeners []struct{ Name string } }
			Problems              []struct {
				Source  string
				Refused bool
			}
		}
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	if r.code != 1 || got.Accepted || len(got.Objects) != 2 {
		t.Fatalf("code %d, %s", r.code, r.out)
	}
	if o := got.Objects[0]; o.Kind != "Gateway" || !o.Accepted || len(o.Status.Listeners) != 1 {
		t.Errorf("the Gateway is %+v", o)
	}
	if o := got.Objects[1]; o.Name != "web" || o.Accepted || len(o.Problems) != 1 || !o.Problems[0].Refused || o.Problems[0].Source != "stdin:10" {
		t.Errorf("the route is %+v", o)
	}
}

func TestTranslate(t *testing.T) {
	r := fsm(t, gateway+route+backend, "translate", "-f", "-", "--bind", "127.0.0.9")
	want := `listener  tcp/127.0.0.9:8000
  http
    host *  (Gateway default/gw listener http)
      *
        /*  -> local/default/web:80  (HTTPRoute default/web rule 0)
backend  local/default/web:80  = 10.0.0.1:80
`
	if diff := cmp.Diff(result{0, want, ""}, r, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTranslateSecrets: private keys are written when asked for, and only where
// nobody else reads them.
func TestTranslateSecrets(t *testing.T) {
	input := readFile(t, "testdata/https.yaml")
	const secret = "PRIVATE KEY"
	for _, args := range [][]string{{}, {"-o", "json"}} {
		r := fsm(t, input, append([]string{"translate", "-f", "-"}, args...)...)
		if r.code != 0 || strings.Contains(r.out, secret) || !strings.Contains(r.out, "Secret/default/cert") {
			t.Errorf("%q: code %d %s\n%s", args, r.code, r.err, r.out)
		}
	}
	if r := fsm(t, input, "translate", "-f", "-", "-o", "json", "--with-secrets"); !strings.Contains(r.out, secret) {
		t.Errorf("a pipe got no key: %s", r.err)
	}
	path := filepath.Join(t.TempDir(), "snapshot.json")
	f, err := os.Create(path) // as the shell would, readable by others
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	streams := cli.Streams{In: strings.NewReader(input), Out: f, Err: t.Output()}
	if code := cli.Main(t.Context(), []string{"translate", "-f", "-", "-o", "json", "--with-secrets"}, streams); code != 0 {
		t.Fatalf("code %d", code)
	}
	wantPrivateSnapshot(t, path)

	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if r := fsm(t, input, "translate", "-f", "-", "-o", "json", "--with-secrets", "--out", path); r.code != 0 || r.out != "" {
		t.Fatalf("code %d: %s", r.code, r.err)
	}
	wantPrivateSnapshot(t, path)
	if r := fsm(t, input, "translate", "-f", "-", "--out", t.TempDir()); r.code != 1 || !strings.Contains(r.err, "not a regular file") {
		t.Errorf("written over a directory: code %d %s", r.code, r.err)
	}
}

// wantPrivateSnapshot wants a file that only its owner reads, with one Secret.
func wantPrivateSnapshot(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	if s, err := ir.Unmarshal([]byte(readFile(t, path))); err != nil || len(s.Secrets) != 1 {
		t.Errorf("the file holds %+v, %v", s, err)
	}
}

// TestTranslateSaysWhatIsMissing: what is not accepted is not in the snapshot, so
// standard error has it.
func TestTranslateSaysWhatIsMissing(t *testing.T) {
	r := fsm(t, gateway+strings.Replace(route, "rules:", "rules: 5 #", 1), "translate", "-f", "-")
	if r.code != 0 || !strings.Contains(r.err, "HTTPRoute default/web  Accepted=False") || strings.Contains(r.err, "Gateway") {
		t.Errorf("code %d: %s", r.code, r.err)
	}
}

func TestExplain(t *testing.T) {
	r := fsm(t, gateway+route+backend, "explain", "-f", "-", "GET", "http://127.0.0.1:8000/x", "-H", "Host: a.example", "--gateway", "gw")
	for _, want := range []string{"host      a.example belongs to Gateway default/gw listener http (stdin:2)", "HTTPRoute default/web rule 0 (stdin:10)  matches", "= 10.0.0.1:80", "answer    from the backend"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	if r.code != 0 || t.Failed() {
		t.Errorf("code %d %s\n%s", r.code, r.err, r.out)
	}
	r = fsm(t, gateway+route, "explain", "-f", "-", "GET", "http://127.0.0.1:8000/x", "-o", "json")
	var got struct {
		Answer struct {
			Status       int
			Reason, From string
		}
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.Answer.Status != 500 || got.Answer.Reason != "backend_not_found" || got.Answer.From != "proxy" {
		t.Errorf("%v, %+v", err, got)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
