package internal_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// mayImport says for each package what it may import besides the standard
// library. A package that is not here, or below an entry that ends in "/...",
// fails the test: say where a new one belongs. ARCHITECTURE.md explains.
var mayImport = map[string][]string{
	// The language in the middle, and what selects from it.
	"internal/ir":      {},
	"internal/project": {"internal/ir"},
	"internal/deliver": {"internal/identity", "internal/ir"},

	// Between the two.
	"internal/identity":  {},
	"internal/provision": with(apiTypes, "sigs.k8s.io/yaml", "internal/ir"),

	// Our own kinds of objects.
	"api/config/v1alpha1":       {"api/config/v1alpha3", "k8s.io/apimachinery/..."},
	"api/config/v1alpha2":       {"api/config/v1alpha3", "k8s.io/apimachinery/..."},
	"api/config/v1alpha3":       {"k8s.io/api/...", "k8s.io/apimachinery/..."},
	"api/gateway/v1alpha1":      apiTypes,
	"api/multicluster/v1alpha1": {"k8s.io/api/...", "k8s.io/apimachinery/..."},
	"api/istio/v1":              {"k8s.io/apimachinery/..."},
	"api/istio/v1alpha3":        {"api/istio/v1", "k8s.io/apimachinery/..."},
	"api/istio/v1beta1":         {"api/istio/v1", "k8s.io/apimachinery/..."},
	"api/policy/v1alpha1":       {"k8s.io/api/...", "k8s.io/apimachinery/..."},
	"internal/webhook": with(apiTypes, "api/...", "internal/meshconfig", "golang.org/x/sync/semaphore", "k8s.io/client-go/...", "sigs.k8s.io/json",
		"internal/resource", "internal/translate", "internal/translate/report"),
	"internal/meshconfig": with(apiTypes, "api/config/v1alpha3", "internal/identity", "internal/ir"),

	// Control plane.
	"internal/resource": {
		"api/...", "charts", "k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/apiextensions-apiserver/...",
		"k8s.io/apiserver/pkg/apis/cel", "sigs.k8s.io/gateway-api/apis/...", "sigs.k8s.io/json", "sigs.k8s.io/yaml", "go.yaml.in/yaml/v2",
	},
	"internal/source/file": {"internal/resource", "github.com/fsnotify/fsnotify"},
	"internal/source/kube": with(apiTypes, "api/...", "internal/resource", "k8s.io/client-go/metadata", "k8s.io/client-go/rest", "k8s.io/client-go/tools/cache",
		"k8s.io/klog/v2", "github.com/go-logr/logr"),
	"internal/status": with(apiTypes, "api/gateway/v1alpha1", "api/istio/v1", "api/policy/v1alpha1", "internal/resource", "internal/source/kube", "internal/translate/report",
		"k8s.io/client-go/rest", "golang.org/x/time/rate"),
	"internal/servicelb": {"internal/provision", "k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/client-go/..."},
	"internal/leader": {
		"k8s.io/apimachinery/...", "k8s.io/client-go/kubernetes/typed/coordination/v1", "k8s.io/client-go/rest",
		"k8s.io/client-go/tools/leaderelection/...", "k8s.io/klog/v2", "github.com/go-logr/logr",
	},
	"internal/translate/memo":   {},
	"internal/translate/report": with(apiTypes, "api/gateway/v1alpha1", "internal/ir", "internal/resource"),
	"internal/translate/core":   with(apiTypes, "api/gateway/v1alpha1", "internal/ir", "internal/resource", "internal/translate/memo"),
	"internal/translate/policy": with(apiTypes, "api/gateway/v1alpha1", "internal/ir", "internal/resource", "internal/translate/core", "internal/translate/memo", "internal/translate/report"),
	"internal/translate/gatewayapi": with(apiTypes, "internal/ir", "internal/resource",
		"internal/translate/core", "internal/translate/memo", "internal/translate/policy", "internal/translate/report"),
	"internal/translate/ingress": with(apiTypes, "api/istio/v1", "api/multicluster/v1alpha1", "internal/ir", "internal/resource",
		"internal/translate/core", "internal/translate/memo", "internal/translate/policy", "internal/translate/report"),
	"internal/translate/istio": with(apiTypes, "api/istio/v1", "internal/ir", "internal/resource",
		"internal/translate/core", "internal/translate/memo", "internal/translate/policy", "internal/translate/report"),
	"internal/translate/access": with(apiTypes, "api/policy/v1alpha1", "internal/ir", "internal/resource",
		"internal/translate/core", "internal/translate/memo", "internal/translate/report"),
	"internal/translate": {
		"internal/ir", "internal/meshconfig", "internal/resource", "internal/translate/core", "internal/translate/policy", "internal/translate/report",
		// One for each input language.
		"internal/translate/access", "internal/translate/gatewayapi", "internal/translate/ingress", "internal/translate/istio",
	},

	// Data plane, from the ground up.
	"internal/proxy/buffer":    {},
	"internal/proxy/message":   {},
	"internal/proxy/pki":       {"internal/ir", "golang.org/x/crypto/x509roots/fallback/bundle"},
	"internal/proxy/overload":  {},
	"internal/proxy/limit":     {"internal/ir"},
	"internal/proxy/telemetry": {"github.com/prometheus/client_golang/prometheus"},
	"internal/proxy/tracing":   {"go.opentelemetry.io/..."},
	"internal/proxy/socket":    {"internal/proxy/buffer"},
	"internal/proxy/hpack":     {"internal/proxy/message"},
	"internal/proxy/route":     {"internal/ir", "internal/proxy/message"},
	"internal/proxy/filter":    {"internal/ir", "internal/proxy/message"},
	"internal/proxy/http1":     proxies("buffer", "message", "socket"),
	"internal/proxy/http2":     proxies("buffer", "hpack", "http1", "message", "socket"),
	"internal/proxy/upstream":  with(proxies("http1", "http2", "message", "pki", "socket"), "internal/ir"),
	"internal/proxy/listen":    with(proxies("buffer", "limit", "message", "overload", "route", "socket", "telemetry"), "internal/ir"),
	"internal/proxy/relay":     with(proxies("buffer", "limit", "message", "socket", "telemetry", "upstream"), "internal/ir"),
	"internal/proxy/stack": with(proxies("buffer", "filter", "http1", "http2", "message", "overload", "route", "socket", "telemetry", "tracing", "upstream"),
		"internal/ir"),
	"internal/proxy": with(proxies("filter", "http1", "http2", "limit", "listen", "message", "overload", "pki", "relay", "socket", "stack", "telemetry", "tracing", "upstream"),
		"internal/ir"),
	"internal/proxy/admin": {"internal/ir", "internal/proxy", "github.com/prometheus/..."},
	"internal/proxy/process": with(proxies("admin", "overload", "telemetry", "tracing", "upstream"), "internal/deliver", "internal/identity", "internal/ir", "internal/proxy",
		"github.com/spf13/pflag"),
	"internal/proxy/proxytest": {"internal/ir", "internal/proxy", "golang.org/x/net/..."},

	// What composes.
	"internal/controller": {"internal/ir", "internal/resource", "internal/translate", "internal/translate/report"},
	"internal/explain": with(with(apiTypes, proxies("filter", "http1", "listen", "message", "pki", "route", "stack", "upstream")...),
		"internal/ir", "internal/project", "internal/resource", "internal/translate", "internal/translate/core", "internal/translate/report"),
	"internal/migrate": with(apiTypes, "api/gateway/v1alpha1", "internal/ir", "internal/resource", "internal/translate", "internal/translate/core", "internal/translate/ingress",
		"internal/translate/report", "sigs.k8s.io/yaml"),
	"internal/hello": {"google.golang.org/grpc/...", "google.golang.org/protobuf/..."},
	"internal/operator": with(apiTypes, "k8s.io/client-go/...", "github.com/prometheus/...", "api/...", "internal/controller", "internal/deliver", "internal/identity", "internal/ir",
		"internal/leader", "internal/meshconfig", "internal/webhook", "internal/project", "internal/provision", "internal/resource", "internal/servicelb", "internal/source/kube", "internal/status",
		"internal/translate", "internal/translate/report", "github.com/prometheus/client_golang/prometheus/..."),
	"charts": {},
	"internal/install": {
		"charts", "internal/inspect", "internal/resource", "internal/servicelb", "helm.sh/helm/v3/pkg/...", "k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/cli-runtime/pkg/genericclioptions",
		"k8s.io/client-go/...", "sigs.k8s.io/yaml",
	},
	"docs": {},
	"internal/inspect": {
		"internal/deliver", "internal/ir", "k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/client-go/...", "k8s.io/streaming/...", "sigs.k8s.io/yaml",
	},
	"internal/identity/identitytest": {"internal/identity"},
	"internal/inspect/inspecttest":   {"k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/client-go/...", "k8s.io/streaming/..."},
	"internal/cli":                   {"..."},
	"cmd/fsm":                        {"internal/cli"},
	"cmd/fsm-controller":             {"internal/operator", "internal/provision", "internal/translate/gatewayapi", "github.com/spf13/cobra", "k8s.io/api/...", "k8s.io/apimachinery/...", "k8s.io/client-go/..."},
	"cmd/fsm-proxy":                  {"internal/proxy/process", "github.com/spf13/cobra"},

	// Tests and what they use.
	"internal/golden": {"github.com/google/go-cmp/cmp", "github.com/rogpeppe/go-internal/txtar"},
	"examples/...":    {},
	"test/...":        {"..."},
}

// apiTypes are the Go types of the objects that users write.
var apiTypes = []string{"k8s.io/api/...", "k8s.io/apimachinery/...", "sigs.k8s.io/gateway-api/apis/..."}

func with(list []string, more ...string) []string { return append(slices.Clone(list), more...) }

// proxies are packages of the data plane.
func proxies(names ...string) []string {
	for i, name := range names {
		names[i] = "internal/proxy/" + name
	}
	return names
}

func TestImports(t *testing.T) {
	all := packages(t)
	seen := map[string]bool{}
	for _, p := range own(t) {
		entry, ok := covering(p.path())
		if !ok {
			t.Errorf("%s is not in the import table: say there what it may import", p.path())
			continue
		}
		seen[entry] = true
		for _, imported := range p.Imports {
			if dep := all[imported]; dep != nil && dep.Standard || imported == "C" {
				continue
			}
			if !covers(mayImport[entry], strings.TrimPrefix(imported, modulePath)) {
				t.Errorf("%s imports %s, which the import table does not allow", p.path(), imported)
			}
		}
	}
	for entry := range mayImport {
		if !seen[entry] {
			t.Errorf("the import table has %s, which does not exist", entry)
		}
	}
}

// covering finds the entry for a package: its own, or the one that it is below.
func covering(path string) (entry string, ok bool) {
	if _, ok := mayImport[path]; ok {
		return path, true
	}
	for entry := range mayImport {
		if strings.HasSuffix(entry, "/...") && covers([]string{entry}, path) {
			return entry, true
		}
	}
	return "", false
}

// covers reports whether a pattern of the list is the path, or ends in "..." and
// is above it.
func covers(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		above, wide := strings.CutSuffix(pattern, "...")
		return pattern == path || wide && (strings.HasPrefix(path, above) || path+"/" == above)
	})
}

// TestClosures looks at everything that a binary is linked from, libraries of
// libraries included.
func TestClosures(t *testing.T) {
	tests := []struct {
		pkg   string
		never []string
	}{
		{"internal/ir", []string{"fsm/", "k8s.io/", "sigs.k8s.io/", "github.com/", "golang.org/"}},
		{"internal/project", []string{"k8s.io/", "sigs.k8s.io/", "fsm/internal/resource", "github.com/", "golang.org/"}},
		{"internal/proxy", []string{"k8s.io/", "sigs.k8s.io/", "fsm/internal/resource", "fsm/internal/translate"}},
		{"internal/proxy/process", []string{"k8s.io/", "sigs.k8s.io/", "fsm/internal/resource", "fsm/internal/translate"}},
		{"cmd/fsm-proxy", []string{"k8s.io/", "sigs.k8s.io/", "fsm/internal/resource", "fsm/internal/translate"}},
		{"internal/resource", []string{"fsm/internal/ir", "fsm/internal/proxy"}},
		{"internal/translate", []string{"fsm/internal/project", "fsm/internal/proxy", "fsm/internal/deliver"}},
	}
	for _, test := range tests {
		t.Run(test.pkg, func(t *testing.T) {
			p := packages(t)[modulePath+test.pkg]
			if p == nil {
				t.Fatal("no such package")
			}
			for _, dep := range p.Deps {
				for _, never := range test.never {
					if strings.HasPrefix(dep, never) {
						t.Errorf("is linked with %s", dep)
					}
				}
			}
		})
	}
}

// TestDataPathWithoutNetHTTP: only the proxy's own interfaces use net/http, which
// accepts requests that have to be refused in the traffic.
func TestDataPathWithoutNetHTTP(t *testing.T) {
	besides := []string{"internal/proxy/admin", "internal/proxy/process", "internal/proxy/proxytest"}
	for _, p := range own(t) {
		if covers([]string{"internal/proxy/..."}, p.path()) && !slices.Contains(besides, p.path()) && slices.Contains(p.Imports, "net/http") {
			t.Errorf("%s imports net/http", p.path())
		}
	}
}

// TestTestPackages keeps what is made for tests out of programs.
func TestTestPackages(t *testing.T) {
	for _, p := range own(t) {
		if p.Name != "main" || strings.HasPrefix(p.path(), "test/") {
			continue
		}
		for _, dep := range p.Deps {
			switch {
			case dep == "testing", dep == "fsm/internal/golden", strings.HasPrefix(dep, "fsm/internal/") && strings.HasSuffix(dep, "test"), strings.HasPrefix(dep, "fsm/test/"):
				t.Errorf("%s is linked with %s", p.path(), dep)
			}
		}
	}
}

// TestFiltersAreComplete: whatever the ir can ask for, the proxy can do.
func TestFiltersAreComplete(t *testing.T) {
	var asked, done []string
	for _, s := range files(t, "internal/ir") {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "filter" {
				asked = append(asked, typeName(f.Recv.List[0].Type))
			}
		}
	}
	for _, s := range files(t, "internal/proxy/filter") {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if c, ok := n.(*ast.CaseClause); ok {
				for _, e := range c.List {
					done = append(done, typeName(e))
				}
			}
			return true
		})
	}
	if len(asked) < 6 {
		t.Fatalf("found the filters %v only", asked)
	}
	for _, name := range asked {
		if !slices.Contains(done, name) {
			t.Errorf("filter.New has no case for *ir.%s", name)
		}
	}
}

// TestFiltersAreStrangers: the file of a filter mentions no type that another
// one declares to be a filter. What two of them need, such as the rewriting of a path,
// is a function or a type of its own.
func TestFiltersAreStrangers(t *testing.T) {
	home := map[string]string{} // of each type with the methods of a Filter
	for _, s := range files(t, "internal/proxy/filter") {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Request" && !s.test() {
				home[typeName(f.Recv.List[0].Type)] = s.path
			}
		}
	}
	if len(home) < 6 {
		t.Fatalf("found the filters %v only", home)
	}
	for _, s := range files(t, "internal/proxy/filter") {
		if s.test() || strings.HasSuffix(s.path, "/filter.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if ok && home[id.Name] != "" && home[id.Name] != s.path {
				t.Errorf("%s:%d mentions the filter %s of %s", s.path, s.line(id.Pos()), id.Name, home[id.Name])
			}
			return true
		})
	}
}

// typeName is "Mirror" for *Mirror and *ir.Mirror.
func typeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
