package ingress

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/ingress.md")

const document = "../../../docs/ingress.md"

// annotationTables are the tables of the document.
func annotationTables() string {
	var b strings.Builder
	for _, f := range families() {
		fmt.Fprintf(&b, "### %s\n\n| Annotation | Here | Remarks |\n|---|---|---|\n", strings.TrimSuffix(f.prefix, "/"))
		for _, table := range f.tables {
			for _, a := range table {
				effect := a.effect
				if effect == "" {
					effect = "is honoured"
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.name, effect, strings.ReplaceAll(a.note, "|", `\|`))
			}
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestAnnotationsAreDocumented(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, tables, _ := strings.Cut(string(text), "### ")
	want := annotationTables()
	if *update {
		if err := os.WriteFile(document, []byte(before+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, "### "+tables); diff != "" {
		t.Errorf("docs/ingress.md has other annotations than there are; run with -update (-code +document):\n%s", diff)
	}
}

// TestAnnotationsAreComplete holds the tables to what they promise: each name
// once, and either read or said not to be.
func TestAnnotationsAreComplete(t *testing.T) {
	honoured, seen := 0, map[string]bool{}
	for _, f := range families() {
		for _, table := range f.tables {
			for _, a := range table {
				if seen[f.prefix+a.name] {
					t.Errorf("%s%s is there twice", f.prefix, a.name)
				}
				seen[f.prefix+a.name] = true
				if a.read == nil && a.effect == "" {
					t.Errorf("%s%s is neither read nor said to be without effect", f.prefix, a.name)
				}
				if a.effect == "" && f.prefix == nginxPrefix {
					honoured++
				}
			}
		}
	}
	if honoured < 40 {
		t.Errorf("%d annotations of ingress-nginx are honoured, want at least 40", honoured)
	}
}

// TestSettings reads single annotations; what they do to traffic is tested with
// traffic.
func TestSettings(t *testing.T) {
	tests := []settingsCase{
		{name: "nothing"},
		{name: "annotations of others", annotations: map[string]string{"example.com/a": "b", "kubernetes.io/ingress.class": "pipy"}},
		{
			name:        "numbers",
			annotations: map[string]string{nginxPrefix + "proxy-read-timeout": "60s", nginxPrefix + "canary-weight": "-1"},
			warnings: []string{
				`annotation nginx.ingress.kubernetes.io/canary-weight: "-1" is ignored: want a number from 0 to 1048576`,
				`annotation nginx.ingress.kubernetes.io/proxy-read-timeout: "60s" is ignored: want a number from 1 to 604800`,
			},
		},
		{
			name:        "words of FSM",
			annotations: map[string]string{pipyPrefix + "upstream-ssl-verify": "maybe", pipyPrefix + "tls-verify-client": "Off"},
			warnings:    []string{`annotation pipy.ingress.kubernetes.io/upstream-ssl-verify: "maybe" is ignored: want true, yes, 1, on, false, no, 0 or off`},
		},
		{
			name:        "what protects, switched off",
			annotations: map[string]string{nginxPrefix + "enable-modsecurity": "false", nginxPrefix + "whitelist-source-range": ""},
		},
		{
			name:        "what protects",
			annotations: map[string]string{nginxPrefix + "auth-url": "http://auth.example/"},
			refused:     []string{"annotation nginx.ingress.kubernetes.io/auth-url is not honoured, and protects, so no request is served"},
		},
		{
			name:        "client certificates without authorities",
			annotations: map[string]string{pipyPrefix + "tls-verify-client": "true"},
			broken:      []string{"client certificates are demanded, but no annotation names the Secret of the authorities"},
		},
		{
			name:        "redirect by variable",
			annotations: map[string]string{nginxPrefix + "permanent-redirect": "https://$host"},
			broken:      []string{`annotation nginx.ingress.kubernetes.io/permanent-redirect: "https://$host" is no redirect that is supported: want a URL without query, fragment and variables`},
		},
		{
			name:        "snippet without text",
			annotations: map[string]string{nginxPrefix + "server-snippet": ""},
		},
		{
			name:        "snippet",
			annotations: map[string]string{nginxPrefix + "server-snippet": "return 200;"},
			warnings:    []string{"annotation nginx.ingress.kubernetes.io/server-snippet is never honoured"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, test.run)
	}
}

// TestEndpointSettings reads annotations about who gets in, and to which endpoint.
func TestEndpointSettings(t *testing.T) {
	for _, test := range []settingsCase{
		{
			name:        "addresses",
			annotations: map[string]string{nginxPrefix + "allowlist-source-range": "10.0.0.0/8, 10.0.0/8, 2001:db8::1"},
			broken:      []string{`annotation nginx.ingress.kubernetes.io/allowlist-source-range: "10.0.0/8" is neither an IP address nor a network such as 10.0.0.0/8`},
		},
		{
			name: "cookies",
			annotations: map[string]string{
				nginxPrefix + "affinity": "ip", nginxPrefix + "session-cookie-name": "a b", nginxPrefix + "session-cookie-path": "/;x",
				nginxPrefix + "session-cookie-domain": "a;b", nginxPrefix + "session-cookie-samesite": "lax", nginxPrefix + "session-cookie-max-age": "1h",
			},
			warnings: []string{
				`annotation nginx.ingress.kubernetes.io/affinity: "ip" is ignored: want cookie`,
				`annotation nginx.ingress.kubernetes.io/session-cookie-name: "a b" is ignored: want a name of a cookie`,
				`annotation nginx.ingress.kubernetes.io/session-cookie-max-age: "1h" is ignored: want a number from 0 to 315360000`,
				`annotation nginx.ingress.kubernetes.io/session-cookie-path: "/;x" is ignored: want a path`,
				`annotation nginx.ingress.kubernetes.io/session-cookie-domain: "a;b" is ignored: want a DNS name`,
				`annotation nginx.ingress.kubernetes.io/session-cookie-samesite: "lax" is ignored: want Strict, Lax or None`,
			},
		},
		{
			name: "ways of balancing",
			annotations: map[string]string{
				nginxPrefix + "load-balance": "ip_hash", nginxPrefix + "upstream-hash-by": "$request_uri$host", pipyPrefix + "lb-type": "none",
			},
			warnings: []string{
				`annotation nginx.ingress.kubernetes.io/load-balance: "ip_hash" is ignored: want round-robin, hashing or least-work`,
				`annotation nginx.ingress.kubernetes.io/upstream-hash-by: "$request_uri$host" is ignored: want $remote_addr, $binary_remote_addr or $http_NAME`,
				`annotation pipy.ingress.kubernetes.io/lb-type: "none" is ignored: want round-robin, hashing or least-work`,
			},
		},
	} {
		t.Run(test.name, test.run)
	}
}

// settingsCase are annotations, and what there is to say about them.
type settingsCase struct {
	name        string
	annotations map[string]string
	warnings    []string
	broken      []string
	refused     []string
}

func (c settingsCase) run(t *testing.T) {
	s := readSettings(c.annotations, "pipy")
	if diff := cmp.Diff(c.warnings, s.warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.broken, s.broken); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.refused, s.refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "8": 8, "1k": 1024, "8m": 8 << 20, "2G": 2 << 30, "m": 0, "-1": 0, "1t": 0, "": 0} {
		s := readSettings(map[string]string{nginxPrefix + "proxy-body-size": text}, "pipy")
		if s.bodyLimit != want {
			t.Errorf("%q: got %d, want %d", text, s.bodyLimit, want)
		}
	}
}
