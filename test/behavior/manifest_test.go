package behavior

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/internal/proxy/upstream"
	"fsm/internal/translate"
)

// loopback is the address that manifests name, and temporary the directory; each
// script has its own in their place.
const (
	loopback  = "127.0.0.1"
	temporary = "/tmp/"
)

var manifestExtensions = []string{".yaml", ".yml", ".json"}

// write puts a manifest into the watched directory, as a whole or not at all.
func (s *script) write(name string, data []byte) error {
	data, err := s.migrate(data)
	if err != nil {
		return err
	}
	if data, err = s.adapt(data); err != nil {
		return err
	}
	target := filepath.Join(s.live, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	// The source skips names that begin with a dot.
	draft := filepath.Join(filepath.Dir(target), "."+filepath.Base(target))
	data = bytes.ReplaceAll(data, []byte(temporary), []byte(s.work+"/"))
	if err := os.WriteFile(draft, bytes.ReplaceAll(data, []byte(loopback), []byte(s.ip)), 0o644); err != nil {
		return err
	}
	return os.Rename(draft, target)
}

// install copies a manifest, or those below a directory, into the watched one.
func (s *script) install(source, target string) error {
	return filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := target
		if path != source {
			if !slices.Contains(manifestExtensions, filepath.Ext(path)) {
				return nil
			}
			if name, err = filepath.Rel(source, path); err != nil {
				return err
			}
		}
		s.used.add(path)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return s.write(name, data)
	})
}

// settle waits until what was written has come into force.
//
// The source first lists files and then reads them, so the marker of one round
// may be read by a look that listed files before the last one was there. The look
// that reads the marker of the second round began after that.
func (s *script) settle() error {
	if s.gateway == nil {
		return nil
	}
	for range 2 {
		s.state++
		state := strconv.Itoa(s.state)
		if err := s.write(markerFile, marker(state)); err != nil {
			return err
		}
		if err := s.gateway.done.wait(state); err != nil {
			return err
		}
	}
	return nil
}

const markerFile = "marker.yaml"

// checkPage fails when a page's manifests are not all accepted. What features do
// with theirs is up to them.
func (s *script) checkPage(ts *testscript.TestScript) {
	if s.example == "" || s.gateway == nil {
		return
	}
	for _, e := range s.gateway.done.report.Load().Entries() {
		if !e.Accepted {
			ts.Fatalf("not accepted:\n%s", e.Text)
		}
	}
}

// cmdGateway starts the gateway: "gateway [-dns PORT] PATH...".
func cmdGateway(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	if neg || s.gateway != nil {
		ts.Fatalf("there is one gateway in a script")
	}
	f := newFlags(ts)
	dns := f.String("dns", "", "port of a name server")
	passthrough := f.Bool("ingress-passthrough", false, "leave TLS of Ingresses to their backends")
	paths := f.parse(args)
	for _, path := range paths {
		path = ts.MkAbs(path)
		ts.Check(s.install(path, filepath.Base(path)))
	}
	ts.Check(s.write(markerFile, marker("0")))
	lookup := s.records.lookup
	if *dns != "" {
		lookup = upstream.LookupAt(s.address(*dns))
	}
	g, err := startGateway(s.tb, s.live, gatewayOptions{
		bind: s.ip, lookup: lookup, config: translate.Config{Standalone: true, Ingress: translate.Ingress{NGINX: true, Passthrough: *passthrough}},
	})
	ts.Check(err)
	s.gateway = g
	ts.Check(g.done.wait("0"))
	s.checkPage(ts)
}

// cmdApply copies manifests into the watched directory and waits until they are
// in force: "apply [-as NAME] FILE...".
func cmdApply(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: apply [-as NAME] FILE...")
	}
	s, f := stateOf(ts), newFlags(ts)
	as := f.String("as", "", "name in the watched directory")
	for _, path := range f.parse(args) {
		path = ts.MkAbs(path)
		ts.Check(s.install(path, cmp.Or(*as, filepath.Base(path))))
	}
	ts.Check(s.settle())
	s.checkPage(ts)
}

// cmdRemove removes manifests from the watched directory: "remove NAME...".
func cmdRemove(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	for _, name := range args {
		ts.Check(os.Remove(filepath.Join(s.live, name)))
	}
	ts.Check(s.settle())
}

// cmdDNS says what a name resolves to: "dns NAME ADDRESS...". The address
// 127.0.0.1 is the script's own.
func cmdDNS(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: dns NAME ADDRESS...")
	}
	addresses := slices.Clone(args[1:])
	for i, a := range addresses {
		addresses[i] = strings.ReplaceAll(a, loopback, s.ip)
	}
	s.records.set(args[0], addresses)
}

// cmdHosts does for curl what a line in /etc/hosts does: "hosts NAME...". A name
// may say where one of its ports leads: "example.com:80:8000".
func cmdHosts(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	for _, name := range args {
		name, ports, _ := strings.Cut(name, ":")
		from, to, _ := strings.Cut(ports, ":")
		ts.Check(s.curlrc(fmt.Sprintf(`connect-to = "%s:%s:%s:%s"`, name, from, s.ip, to)))
	}
}
