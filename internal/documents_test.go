package internal_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"fsm/internal/ir"
	"fsm/internal/proxy/process"
	"fsm/internal/proxy/telemetry"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// row is a line of a table whose first cell is a name in code type.
type row struct {
	name string
	// rest are the other cells, as they stand.
	rest []string
}

var tableRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)\\|$")

// rows are those of all tables of a document whose name has the form that is
// asked for.
func rows(t *testing.T, document string, form *regexp.Regexp) map[string]row {
	t.Helper()
	found := map[string]row{}
	for _, m := range tableRow.FindAllStringSubmatch(document, -1) {
		if !form.MatchString(m[1]) {
			continue
		}
		if _, twice := found[m[1]]; twice {
			t.Errorf("%s stands in two lines", m[1])
		}
		r := row{name: m[1]}
		for cell := range strings.SplitSeq(m[2], "|") {
			r.rest = append(r.rest, strings.TrimSpace(cell))
		}
		found[m[1]] = r
	}
	return found
}

// sameNames compares what there is with what is documented.
func sameNames(t *testing.T, where string, code []string, documented map[string]row) {
	t.Helper()
	slices.Sort(code)
	for _, name := range slices.Compact(code) {
		if _, ok := documented[name]; !ok {
			t.Errorf("%s says nothing about %s", where, name)
		}
	}
	for name := range documented {
		if !slices.Contains(code, name) {
			t.Errorf("%s has %s, which does not exist", where, name)
		}
	}
}

var snakeCase = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// TestReasons: every reason of a reply or refusal is explained to users.
func TestReasons(t *testing.T) {
	var reasons []string
	for _, s := range append(files(t, "internal/proxy"), files(t, "internal/translate/core")...) {
		if !s.test() {
			reasons = append(reasons, reasonsIn(s)...)
		}
	}
	if len(reasons) < 40 {
		t.Fatalf("found %d reasons only", len(reasons))
	}
	sameNames(t, "docs/reasons.md", reasons, rows(t, document(t, "docs/reasons.md"), snakeCase))
}

// reasonsIn are the values of constants called Reason…, and those written
// directly into a field of that name.
func reasonsIn(s *source) []string {
	var list []string
	add := func(e ast.Expr) {
		if text, ok := stringLiteral(e); ok && snakeCase.MatchString(text) {
			list = append(list, text)
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(name.Name, "Reason") && i < len(n.Values) {
					add(n.Values[i])
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Reason" {
				add(n.Value)
			}
		}
		return true
	})
	return list
}

func stringLiteral(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// TestMetrics: every series is explained, with its labels.
func TestMetrics(t *testing.T) {
	labels := map[string]string{}
	for _, s := range append(files(t, "internal/proxy/telemetry"), files(t, "internal/operator")...) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 || s.test() {
				return true
			}
			var texts []string
			for _, arg := range call.Args {
				text, _ := stringLiteral(arg)
				texts = append(texts, text)
			}
			if strings.HasPrefix(texts[0], "fsm_") {
				labels[texts[0]] = strings.Join(texts[2:], ", ")
			}
			return true
		})
	}
	if len(labels) < 15 {
		t.Fatalf("found %d metrics only", len(labels))
	}
	documented := rows(t, document(t, "docs/metrics.md"), regexp.MustCompile(`^fsm_`))
	sameNames(t, "docs/metrics.md", slices.Collect(maps.Keys(labels)), documented)
	for name, r := range documented {
		if got := strings.ReplaceAll(r.rest[0], "`", ""); got != labels[name] {
			t.Errorf("docs/metrics.md: %s has the labels %q, not %q", name, labels[name], got)
		}
	}
}

// TestForeignAnnotations: the annotations of Gateways that the front-end leaves to
// whoever deploys proxies are those that are known there.
func TestForeignAnnotations(t *testing.T) {
	var foreign, known []string
	ast.Inspect(literal(t, "internal/translate/gatewayapi/options.go", "foreignAnnotations"), func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if text, ok := stringLiteral(e); ok {
				foreign = append(foreign, text)
			}
		}
		return true
	})
	for _, e := range literal(t, "internal/provision/parameters.go", "keys").Elts {
		if key, ok := e.(*ast.CompositeLit); ok {
			text, _ := stringLiteral(key.Elts[0])
			known = append(known, text)
		}
	}
	slices.Sort(foreign)
	slices.Sort(known)
	if len(known) < 10 || !slices.Equal(foreign, known) {
		t.Errorf("the front-end leaves alone\n%q\nand known are\n%q", foreign, known)
	}
}

// literal is the composite literal that a variable begins with.
func literal(t *testing.T, file, name string) (l *ast.CompositeLit) {
	t.Helper()
	s, err := parse(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) > 0 && v.Names[0].Name == name {
			l, _ = v.Values[0].(*ast.CompositeLit)
		}
		return true
	})
	if l == nil {
		t.Fatalf("%s has no list %s", file, name)
	}
	return l
}

// TestLogFields: every member of an access log line is explained.
func TestLogFields(t *testing.T) {
	documented := rows(t, document(t, "docs/logging.md"), snakeCase)
	delete(documented, "time") // always there, and no field to choose
	sameNames(t, "docs/logging.md", telemetry.FieldNames(), documented)
}

// TestOptions: every option of a listener is explained, with its default.
func TestOptions(t *testing.T) {
	documented := rows(t, document(t, "docs/limits.md"), regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`))
	defaults := reflect.ValueOf((*ir.Options)(nil).Resolve())
	var names []string
	for i := range defaults.NumField() {
		name := hyphenated(defaults.Type().Field(i).Name)
		names = append(names, name)
		r, ok := documented[name]
		if !ok {
			continue // sameNames says so
		}
		if want := written(defaults.Field(i)); r.rest[0] != want {
			t.Errorf("docs/limits.md: the default of %s is %s, not %s", name, want, r.rest[0])
		}
	}
	sameNames(t, "docs/limits.md", names, documented)
}

// hyphenated is "idle-timeout" for IdleTimeout.
func hyphenated(field string) string {
	return strings.ToLower(regexp.MustCompile(`(.)([A-Z])`).ReplaceAllString(field, "$1-$2"))
}

// written is a default as the documents write it.
func written(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case ir.Duration:
		return plain(time.Duration(x))
	case bool:
		return fmt.Sprintf("`%v`", x)
	case uint32, uint64:
		return thousands(v.Uint())
	}
	if v.IsZero() {
		return "none"
	}
	return fmt.Sprintf("`%v`", v)
}

// plain is "5 min" for five minutes.
func plain(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.String()
}

// thousands is "65,536" for 65536, and "no limit" for 0.
func thousands(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	return thousands(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// TestFixedLimits: the limits that cannot be set are what docs/limits.md says.
func TestFixedLimits(t *testing.T) {
	tests := []struct{ file, constant, text string }{
		{"internal/proxy/listen/sockets.go", "MaxOpen", "| Client connections of a proxy | 50,000 |"},
		{"internal/proxy/listen/hello.go", "maxHello", "| ClientHello | 32,768 bytes |"},
		{"internal/proxy/listen/proxyproto.go", "maxProxy2", "| PROXY protocol header, version 2 | 4,096 bytes |"},
		{"internal/proxy/http1/chunk.go", "maxChunkLine", "| Chunk size line, extensions included | 256 bytes |"},
		{"internal/proxy/http1/head.go", "maxConnectionTokens", "| Names in `Connection` | 16 |"},
		{"internal/proxy/http1/client.go", "max1xx", "| 1xx responses before a final one | 32 |"},
		{"internal/proxy/http1/server.go", "maxSkip", "| Unread request body that is skipped to keep the connection | 65,536 bytes |"},
		{"internal/proxy/stack/mirror.go", "maxMirrors", "| Mirrored requests under way | 1,024 |"},
		{"internal/proxy/stack/mirror.go", "maxMirrorBody", "| Request body that is mirrored | 1,048,576 bytes |"},
		{"internal/proxy/stack/forward.go", "connectTries", "| Endpoints tried when connections cannot be made, or end without a byte of the answer to a request that may be sent twice | 3 |"},
		{"internal/proxy/buffer/buffer.go", "Large", "| Request body that can be retried | 65,536 bytes |"},
		{"internal/proxy/limit/clients.go", "maxClients", "| Clients that the [limits of an Ingress](ingress.md#limits-of-clients) tell apart | 65,536 |"},
		{"internal/proxy/route/table.go", "maxRegex", "| Regular expression | 1,024 bytes |"},
		{"internal/proxy/telemetry/log.go", "maxPending", "| Access log lines that wait to be written | 4,194,304 bytes |"},
		{"internal/resource/parse.go", "maxDocument", "| YAML or JSON document | 3,145,728 bytes |"},
		{"internal/source/file/read.go", "maxFile", "| File | 268,435,456 bytes |"},
	}
	limits := document(t, "docs/limits.md")
	for _, test := range tests {
		t.Run(test.constant, func(t *testing.T) {
			expr := constant(t, test.file, test.constant)
			if !strings.Contains(limits, test.text) {
				t.Errorf("docs/limits.md does not say %s", test.text)
			}
			value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expr)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			n, err := strconv.ParseUint(value.Value.ExactString(), 10, 64)
			if err != nil || !strings.Contains(test.text, "| "+thousands(n)+" ") {
				t.Errorf("%s is %s, docs/limits.md says %s", test.constant, value.Value, test.text)
			}
		})
	}
}

// constant is the text of a constant's value.
func constant(t *testing.T, file, name string) (text string) {
	t.Helper()
	s, err := parse(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) > 0 && v.Names[0].Name == name {
			text = s.text[s.set.Position(v.Values[0].Pos()).Offset:s.set.Position(v.Values[0].End()).Offset]
		}
		return true
	})
	if text == "" {
		t.Fatalf("%s has no constant %s", file, name)
	}
	return text
}

// TestProxyFlags: every flag of fsm-proxy is explained, with its default.
func TestProxyFlags(t *testing.T) {
	o := process.Defaults()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.Bind(flags)
	new(process.Controller).Bind(flags)
	documented := rows(t, document(t, "docs/proxy.md"), regexp.MustCompile(`^--`))
	names := []string{"--snapshot", "--log-level"}
	flags.VisitAll(func(f *pflag.Flag) {
		names = append(names, "--"+f.Name)
		want := "`" + f.DefValue + "`"
		if f.DefValue == "" || f.DefValue == "[]" {
			want = "none"
		}
		if r, ok := documented["--"+f.Name]; ok && r.rest[0] != want {
			t.Errorf("docs/proxy.md: the default of --%s is %s, not %s", f.Name, want, r.rest[0])
		}
	})
	sameNames(t, "docs/proxy.md", names, documented)
}

// TestAdminEndpoints: every endpoint of the admin interface is explained.
func TestAdminEndpoints(t *testing.T) {
	var paths []string
	for _, s := range files(t, "internal/proxy/admin") {
		if s.test() {
			continue
		}
		for _, m := range regexp.MustCompile(`mux\.Handle(?:Func)?\("(?:[A-Z]+ )?(/[a-z_]+)"`).FindAllStringSubmatch(s.text, -1) {
			paths = append(paths, m[1])
		}
	}
	if len(paths) < 6 {
		t.Fatalf("found %v only", paths)
	}
	sameNames(t, "docs/proxy.md", paths, rows(t, document(t, "docs/proxy.md"), regexp.MustCompile(`^/[a-z_]+$`)))
}

// documents are all texts for people, relative to the repository.
func documents(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/*.md", "examples/*/*/*.md", "test/*/*.md", "internal/*/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	if len(list) < 10 {
		t.Fatalf("found %v only", list)
	}
	return list
}

var (
	link    = regexp.MustCompile(`\]\(([^)#: ]+)(#[^) ]+)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	codeDir = regexp.MustCompile("`((?:cmd|internal|test|examples|docs)/[a-z0-9/_.-]*[a-z0-9_])`")
)

// TestLinks: what the documents point to is there.
func TestLinks(t *testing.T) {
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(file), m[1])
			content, err := os.ReadFile(target)
			if _, statErr := os.Stat(target); statErr != nil {
				t.Errorf("%s: nothing is at %s", file, m[1])
			} else if m[2] != "" && (err != nil || !slices.Contains(anchors(string(content)), m[2])) {
				t.Errorf("%s: %s has no heading for %s", file, m[1], m[2])
			}
		}
		for _, m := range codeDir.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(root, m[1]))
			if _, besideErr := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil && besideErr != nil {
				t.Errorf("%s: there is no %s", file, m[1])
			}
		}
	}
}

// anchors are the headings of a document in the form that links have.
func anchors(text string) []string {
	var list []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(m[1]), "")
		list = append(list, "#"+strings.ReplaceAll(words, " ", "-"))
	}
	return list
}
