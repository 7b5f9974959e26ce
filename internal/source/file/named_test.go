package file

import (
	"testing"
	"time"

	"fsm/internal/resource"
)

// named is what the source says about the files that objects name.
func named(s *Source) map[string]string {
	found := map[string]string{}
	for _, f := range resource.List[*resource.File](s.Set()) {
		found[f.Name] = string(f.Content) + f.Problem
	}
	return found
}

// TestNamedFiles: certificates that an Istio Gateway names are read, and read again
// when they change, though they stand outside of what the source was given.
func TestNamedFiles(t *testing.T) {
	f, elsewhere := newFolder(t), newFolder(t)
	elsewhere.write("tls.crt", "certificate")
	gateway := func(key string) string {
		return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  servers:
  - port: {number: 443, name: https}
    tls: {mode: SIMPLE, serverCertificate: ` + elsewhere.join("tls.crt") + ", privateKey: " + key + "}\n"
	}
	f.write("gateway.yaml", gateway(elsewhere.join("tls.key")))
	s := open(t, f.path)
	expect := func(key string, want string) {
		t.Helper()
		got := named(s)
		if len(got) != 2 || got[elsewhere.join("tls.crt")] != "certificate" || got[key] != want {
			t.Fatalf("got %q, want the certificate and %q", got, want)
		}
	}
	expect(elsewhere.join("tls.key"), "cannot be read: no such file or directory")

	elsewhere.write("tls.key", "key")
	before := s.Set()
	again(t, s)
	expect(elsewhere.join("tls.key"), "key")
	if s.Set() == before {
		t.Error("the set is the same")
	}

	unchanged := again(t, s)
	if again(t, s) != unchanged {
		t.Error("the set changed with nothing to change it")
	}

	f.write("gateway.yaml", gateway(elsewhere.path))
	again(t, s)
	expect(elsewhere.path, "cannot be read: is not a regular file")

	f.remove("gateway.yaml")
	again(t, s)
	if got := named(s); len(got) != 0 {
		t.Errorf("nobody names files, and there are %q", got)
	}
}

// TestNamedFilesAreFollowed: a change of a certificate is noticed while the source
// runs.
func TestNamedFilesAreFollowed(t *testing.T) {
	f := newFolder(t)
	f.write("certs/tls.crt", "one")
	f.write("objects/gateway.yaml", `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  servers:
  - port: {number: 443, name: https}
    tls: {mode: SIMPLE, serverCertificate: `+f.join("certs/tls.crt")+"}\n")
	r := run(t, f.join("objects"))
	f.write("certs/tls.crt", "two")
	for named(r.Source)[f.join("certs/tls.crt")] != "two" {
		select {
		case <-r.changed:
		case <-time.After(20 * time.Second):
			t.Fatal("the change went unnoticed")
		}
	}
}
