package behavior

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/internal/migrate"
	"fsm/internal/resource"
	"fsm/internal/translate/ingress"
)

const nginxPrefix = "nginx.ingress.kubernetes.io/"

// nginxCase is a row of the table of annotations: an Ingress of class nginx for host
// t.example, and what its documentation says about requests.
//
// Each row runs twice: with the Ingress, and with what 'fsm migrate ingress-nginx' makes
// of it, which must serve the same answers.
type nginxCase struct {
	// annotations, without their prefix, one on each line. The row is about all of them.
	annotations string
	// paths are "TYPE PATH BACKEND", separated by commas; "Prefix / web" if empty.
	paths string
	// tls gives the host TLS with the certificate "site".
	tls bool
	// setup are commands before the gateway starts, besides backends web and other.
	setup string
	// more are further manifests.
	more string
	// script are the requests. Lines that begin with [ingress] or [gateway] are for one
	// of the two runs: the Gateway stands on port 8000, as files need it, and says so in
	// redirects.
	script string
	// lost and differs are what the migration has to say besides. Where something is
	// lost the script does not run then, but migrated does.
	lost, differs, migrated string
}

// nginxTable is the table; the name of a row says what ingress-nginx documents.
func nginxTable() map[string]nginxCase {
	table := map[string]nginxCase{}
	for _, part := range []map[string]nginxCase{
		nginxRedirects(), nginxPaths(), nginxRewrites(), nginxHosts(), nginxCanaries(),
		nginxMessages(), nginxUpstreams(), nginxSecureUpstreams(), nginxEndpoints(), nginxClients(), nginxAddresses(), nginxRates(), nginxLimits(), nginxRefused(),
	} {
		maps.Copy(table, part)
	}
	return table
}

// TestNGINX runs the rows of the table.
func TestNGINX(t *testing.T) {
	for name, c := range nginxTable() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runNGINX(t, c, "ingress", c.script)
			requests := c.script
			if c.lost != "" {
				requests = c.migrated
			}
			runNGINX(t, c, "gateway", requests)
		})
	}
}

// runNGINX runs a row one way.
func runNGINX(t *testing.T, c nginxCase, way, requests string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), way+".txtar")
	if err := os.WriteFile(file, prepare([]byte(c.text(requests))), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{file}, Cmds: commands, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			return newScript(env, run{versions: versions{http1, http1}, policies: true, migration: &migration{wanted: way == "gateway", lost: c.lost, differs: c.differs}})
		},
		Condition: func(word string) (bool, error) {
			if word != "ingress" && word != "gateway" {
				return false, fmt.Errorf("unknown condition %q", word)
			}
			return word == way, nil
		},
	})
}

// text is the script of a row.
func (c nginxCase) text(requests string) string {
	s := &strings.Builder{}
	fmt.Fprintln(s, "backend web\nbackend other\nca ca")
	if c.tls {
		fmt.Fprintln(s, "cert -dns t.example site\nsecret site site")
	}
	fmt.Fprintf(s, "%s\ngateway ingress.yaml\n%s\n-- ingress.yaml --\n", lines(c.setup), lines(requests))
	fmt.Fprint(s, ingressFor("t.example", "t", c.annotations, cmp.Or(c.paths, "Prefix / web")))
	if c.tls {
		fmt.Fprintln(s, "  tls: [{hosts: [t.example], secretName: site}]")
	}
	if c.more != "" {
		fmt.Fprintf(s, "---\n%s\n", strings.TrimSpace(c.more))
	}
	return s.String()
}

// ingressOf is a further Ingress for the host of all rows.
func ingressOf(name, annotations, paths string) string {
	return ingressFor("t.example", name, annotations, paths)
}

func ingressFor(host, name, annotations, paths string) string {
	s := &strings.Builder{}
	fmt.Fprintf(s, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: %s\n  annotations:\n    example.com/row: \"\"\n", name)
	for line := range strings.Lines(lines(annotations)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		fmt.Fprintf(s, "    %s%s: %q\n", nginxPrefix, name, value)
	}
	fmt.Fprintf(s, "spec:\n  ingressClassName: nginx\n  rules:\n  - host: %s\n    http:\n      paths:\n", host)
	for path := range strings.SplitSeq(paths, ", ") {
		words := strings.Fields(path)
		fmt.Fprintf(s, "      - {pathType: %s, path: %q, backend: {service: {name: %s, port: {number: 8080}}}}\n", words[0], words[1], words[2])
	}
	return s.String()
}

// lines are the lines of a text, without what the source has before them.
func lines(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// migration says that Ingresses are to be converted when they are written.
type migration struct {
	wanted        bool
	lost, differs string
}

// migrate returns manifests with what their Ingresses come to in place of them.
func (s *script) migrate(manifests []byte) ([]byte, error) {
	if s.migration == nil || !s.migration.wanted || !bytes.Contains(manifests, []byte("\nkind: Ingress\n")) {
		return manifests, nil
	}
	objects, problems := resource.Decode("manifests", manifests)
	read, err := s.manifests()
	if err != nil {
		return nil, err
	}
	result, err := migrate.Convert(resource.NewSet(append(read, objects...), problems...), migrate.Options{HTTP: 8000, HTTPS: 8443})
	if err != nil {
		return nil, err
	}
	var out, findings bytes.Buffer
	if err := result.WriteFindings(&findings); err != nil {
		return nil, err
	}
	m := s.migration
	if said := findings.String(); result.Lossy() != (m.lost != "") || !strings.Contains(said, m.lost) || !strings.Contains(said, m.differs) {
		return nil, fmt.Errorf("want as lost: %q, and as different: %q; found:\n%s", m.lost, m.differs, said)
	}
	for document := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
		if !bytes.Contains(document, []byte("kind: Ingress\n")) {
			fmt.Fprintf(&out, "%s\n---\n", document)
		}
	}
	err = result.WriteYAML(&out)
	s.tb.Logf("%s\n%s", &findings, &out)
	return out.Bytes(), err
}

// manifests reads all that is in the watched directory.
func (s *script) manifests() (objects []resource.Object, err error) {
	err = filepath.WalkDir(s.live, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found, _ := resource.Decode(path, data)
		objects = append(objects, found...)
		return err
	})
	return objects, err
}

// TestNGINXIsComplete: every annotation that is honoured has a row.
func TestNGINXIsComplete(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range nginxTable() {
		for line := range strings.SplitSeq(lines(c.annotations), "\n") {
			name, _, _ := strings.Cut(line, ": ")
			tested[name] = true
		}
	}
	honoured := 0
	for _, a := range ingress.Annotations() {
		name, ok := strings.CutPrefix(a.Name, nginxPrefix)
		if !ok {
			continue
		}
		if a.Honoured {
			honoured++
		}
		if a.Honoured && !tested[name] {
			t.Errorf("%s has no row in the table", name)
		}
	}
	if honoured < 40 {
		t.Errorf("%d annotations are honoured, want at least 40", honoured)
	}
}
