package identity_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

// shake connects a client with a server, and returns what each of them says to it.
func shake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	a, b := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	failed := make(chan error, 1)
	go func() {
		s := tls.Server(b, server)
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte("x"))
		}
		failed <- err
		_ = b.Close()
	}()
	c := tls.Client(a, client)
	if clientErr = c.Handshake(); clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1)) // TLS 1.3: a refusal of the client comes after its handshake
	}
	_ = a.Close()
	return clientErr, <-failed
}

// TestTLS: both ends know each other by name, and accept nobody else.
func TestTLS(t *testing.T) {
	store := &identitytest.Store{}
	ca, foreign := identitytest.Open(t, store, 0), identitytest.Open(t, &identitytest.Store{}, 0)
	brief := identitytest.Open(t, store, 2*time.Second) // notAfter has whole seconds
	trust := identity.TrustBundle(ca.Bundle())
	isController, isOurs := identity.Has(trustDomain, identity.Controller), identity.In(trustDomain)
	server := identity.Side{Certificate: identitytest.Certificate(t, ca, controllerID), Trust: trust, Accept: isOurs}
	client := identity.Side{Certificate: identitytest.Certificate(t, ca, gatewayID), Trust: trust, Accept: isController}
	expired := expiring(t, brief, gatewayID)
	expiredServer := expiring(t, brief, controllerID)
	tests := []struct {
		name              string
		client, server    identity.Side
		accepts, accepted bool // by the client, by the server
	}{
		{"as it should be", client, server, true, true},
		{"client without certificate", identity.Side{Trust: trust, Accept: isController}, server, true, true},
		{"client of a foreign authority", identity.Side{Certificate: identitytest.Certificate(t, foreign, gatewayID), Trust: trust, Accept: isController}, server, true, false},
		{"expired client", identity.Side{Certificate: expired, Trust: trust, Accept: isController}, server, true, false},
		{"server of a foreign authority", client, identity.Side{Certificate: identitytest.Certificate(t, foreign, controllerID), Trust: trust, Accept: isOurs}, false, false},
		{"expired server", client, identity.Side{Certificate: expiredServer, Trust: trust, Accept: isOurs}, false, false},
		{"a sidecar as controller", client, identity.Side{Certificate: identitytest.Certificate(t, ca, sidecarID), Trust: trust, Accept: isOurs}, false, false},
		{"a gateway as server", client, identity.Side{Certificate: identitytest.Certificate(t, ca, gatewayID), Trust: trust, Accept: isOurs}, false, false},
		{"server of another trust domain", identity.Side{Certificate: client.Certificate, Trust: trust, Accept: identity.Has("other", identity.Controller)}, server, false, false},
		{"client of another trust domain", client, identity.Side{Certificate: server.Certificate, Trust: trust, Accept: identity.In("other")}, true, false},
		{"client whose roots cannot be read", identity.Side{Trust: identity.TrustFile("/does/not/exist"), Accept: isController}, server, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clientErr, serverErr := shake(t, identity.ClientTLS(test.client), identity.ServerTLS(test.server))
			if good := test.accepts && test.accepted; (clientErr == nil) != good {
				t.Errorf("the client says %v", clientErr)
			}
			if (serverErr == nil) != test.accepted {
				t.Errorf("the server says %v", serverErr)
			}
		})
	}
}

// expiring is a certificate that is no longer good.
func expiring(t *testing.T, ca *identity.CA, id identity.ID) func() (*tls.Certificate, error) {
	t.Helper()
	c, err := identitytest.Certificate(t, ca, id)()
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(c.Leaf.NotAfter); left > 0 {
		<-time.After(left)
	}
	return func() (*tls.Certificate, error) { return c, nil }
}

// TestRootRotation: while a root is replaced, certificates of both are good with
// a bundle of both, and a new bundle in the file counts from the next connection.
func TestRootRotation(t *testing.T) {
	before, after := identitytest.Open(t, &identitytest.Store{}, 0), identitytest.Open(t, &identitytest.Store{}, 0)
	file := filepath.Join(t.TempDir(), "ca.crt")
	write := func(bundle []byte) {
		if err := os.WriteFile(file, bundle, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust := identity.TrustFile(file)
	connects := func(server, client *identity.CA) bool {
		clientErr, serverErr := shake(t,
			identity.ClientTLS(identity.Side{Certificate: identitytest.Certificate(t, client, gatewayID), Trust: trust, Accept: identity.In(trustDomain)}),
			identity.ServerTLS(identity.Side{Certificate: identitytest.Certificate(t, server, controllerID), Trust: trust, Accept: identity.In(trustDomain)}))
		return clientErr == nil && serverErr == nil
	}
	write(before.Bundle())
	if !connects(before, before) || connects(after, before) {
		t.Error("before the rotation the new root should count for nothing")
	}
	write(slices.Concat(before.Bundle(), after.Bundle()))
	for _, server := range []*identity.CA{before, after} {
		for _, client := range []*identity.CA{before, after} {
			if !connects(server, client) {
				t.Error("during the rotation both roots should count")
			}
		}
	}
	write(after.Bundle())
	if connects(before, before) || !connects(after, after) {
		t.Error("after the rotation the old root should count for nothing")
	}
}
