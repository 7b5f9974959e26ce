package pki

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// TestSystemRootsWithoutStore: where the system has no authorities, as in our own
// images, those of the bundle are trusted.
func TestSystemRootsWithoutStore(t *testing.T) {
	const inChild = "FSM_TEST_WITHOUT_STORE"
	if os.Getenv(inChild) == "" {
		// A process reads its system's authorities once; so this needs one of its own.
		cmd := exec.Command(os.Args[0], "-test.run=^TestSystemRootsWithoutStore$")
		none := t.TempDir()
		cmd.Env = append(os.Environ(), inChild+"=yes", "SSL_CERT_FILE="+none+"/none", "SSL_CERT_DIR="+none)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	system, err := x509.SystemCertPool()
	if err != nil || !system.Equal(x509.NewCertPool()) {
		t.Fatalf("this system has authorities, %v", err)
	}
	roots, err := systemRoots(nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := bundled()
	if err != nil || !roots.Equal(want) || roots.Equal(x509.NewCertPool()) {
		t.Errorf("not those of the bundle are trusted, %v", err)
	}
}

// TestSystemRootsWithStore: what the system trusts is not added to.
func TestSystemRootsWithStore(t *testing.T) {
	system := x509.NewCertPool()
	system.AddCert(&x509.Certificate{Raw: []byte("only one")})
	if got, err := orBundled(system); err != nil || got != system {
		t.Errorf("got another pool, %v", err)
	}
}
