package identity_test

import (
	"testing"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

// TestDerive: controllers with the same root make the same secrets, one for each
// purpose, and others make others.
func TestDerive(t *testing.T) {
	derive := func(ca *identity.CA, purpose string) string {
		t.Helper()
		secret, err := ca.Derive(purpose)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	store := &identitytest.Store{}
	first, second := identitytest.Open(t, store, 0), identitytest.Open(t, store, 0)
	if derive(first, "sessions") != derive(second, "sessions") {
		t.Error("two controllers with one root disagree")
	}
	if derive(first, "sessions") == derive(first, "other") {
		t.Error("two purposes have the same secret")
	}
	if derive(first, "sessions") == derive(identitytest.Open(t, &identitytest.Store{}, 0), "sessions") {
		t.Error("two roots have the same secret")
	}
}
