package behavior

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// version is a version of HTTP, as one side speaks it.
type version string

const (
	http1 version = "http1"
	// h2c is HTTP/2 with prior knowledge; where there is TLS anyway, by ALPN.
	h2c version = "h2c"
	// h2 is HTTP/2 over TLS, agreed on by ALPN; where a script has plaintext, it
	// gets TLS.
	h2 version = "h2"
)

var allVersions = []version{http1, h2c, h2}

// versions are those that clients and backends speak while a script runs.
type versions struct{ client, backend version }

func (v versions) String() string { return string(v.client) + "-to-" + string(v.backend) }

// major is the number of the version.
func (v version) major() int {
	if v == http1 {
		return 1
	}
	return 2
}

// protocols are what net/http calls the version, and no other.
func (v version) protocols() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(v == http1)
	p.SetUnencryptedHTTP2(v != http1)
	p.SetHTTP2(v != http1)
	return p
}

// curlOption is the line of curl's configuration. What a command says itself goes
// before it.
func (v version) curlOption() string {
	if v == http1 {
		return "http1.1"
	}
	return "http2-prior-knowledge"
}

// statusLine is what curl prints where a page has HTTP/1.1.
func (v version) statusLine(line string) string {
	status, isHTTP1 := strings.CutPrefix(line, "HTTP/1.1 ")
	if v == http1 || !isHTTP1 {
		return line
	}
	code, _, _ := strings.Cut(status, " ")
	return "HTTP/" + strconv.Itoa(v.major()) + " " + code
}

// limit is a line of a script that says which versions it can be run with, and
// why with no others: "# only client http1: REASON", or "# only same: REASON"
// where the gateway does not look at what clients say to backends.
type limit struct {
	side     string // client, backend or same
	versions []version
	reason   string
}

var limitLine = regexp.MustCompile(`(?m)^# only(.*)$`)
var limitParts = regexp.MustCompile(`^ (client|backend|same)((?: (?:http1|h2c|h2))*): (.+)$`)

// limitsOf reads the limits of a script. They stand before its files.
func limitsOf(script []byte) ([]limit, error) {
	script, _, _ = bytes.Cut(script, []byte("\n-- "))
	var limits []limit
	for _, line := range limitLine.FindAllSubmatch(script, -1) {
		parts := limitParts.FindSubmatch(line[1])
		if parts == nil {
			return nil, fmt.Errorf("%q: want \"# only client|backend|same VERSION...: REASON\"", line[0])
		}
		l := limit{side: string(parts[1]), reason: string(parts[3])}
		for name := range strings.FieldsSeq(string(parts[2])) {
			l.versions = append(l.versions, version(name))
		}
		if len(l.versions) == 0 && l.side != "same" {
			return nil, fmt.Errorf("%q: which versions?", line[0])
		}
		limits = append(limits, l)
	}
	return limits, nil
}

func (l limit) allows(v versions) bool {
	listed := func(v version) bool { return len(l.versions) == 0 || slices.Contains(l.versions, v) }
	switch l.side {
	case "client":
		return listed(v.client)
	case "backend":
		return listed(v.backend)
	default:
		return v.client == v.backend && listed(v.client)
	}
}

// matrix is every combination of versions that a script's limits allow.
func matrix(limits []limit) []versions {
	var list []versions
	for _, client := range allVersions {
		for _, backend := range allVersions {
			v := versions{client, backend}
			if !slices.ContainsFunc(limits, func(l limit) bool { return !l.allows(v) }) {
				list = append(list, v)
			}
		}
	}
	return list
}

// row is what the README says about a limit.
func (l limit) row(script string) string {
	side, names := l.side, ""
	for _, v := range l.versions {
		names += " " + string(v)
	}
	return fmt.Sprintf("| `%s` | %s%s | %s |", script, side, names, l.reason)
}

// TestLimitsAreListed makes sure that the README says of each script what it is
// not run with.
func TestLimitsAreListed(t *testing.T) {
	scripts, err := filepath.Glob("testdata/feature/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, root := range pageRoots() {
		found, err := filepath.Glob(filepath.Join(root, "*", pageScript))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	var want []string
	for _, path := range append(scripts, pages...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		limits, err := limitsOf(text)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if filepath.Base(path) == pageScript {
			name = filepath.Base(filepath.Dir(path))
		}
		for _, l := range limits {
			want = append(want, l.row(name))
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile("(?m)^\\| `[^`]+` \\| (client|backend|same).*$").FindAllString(string(readme), -1)
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("README.md lists other limits than the scripts have (-scripts +README):\n%s", diff)
	}
}
