package identity

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Derive makes a secret for a purpose out of the authority's key (RFC 5869). All
// controllers that share the key make the same one, and so nothing needs to be stored
// or handed around; the key cannot be found out from it, nor the secret of another
// purpose. It changes with the root.
func (ca *CA) Derive(purpose string) (string, error) {
	key, err := ca.key.Bytes()
	if err != nil {
		return "", fmt.Errorf("derive a key for %s: %w", purpose, err)
	}
	secret, err := hkdf.Key(sha256.New, key, nil, "fsm "+purpose, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive a key for %s: %w", purpose, err)
	}
	return base64.StdEncoding.EncodeToString(secret), nil
}
