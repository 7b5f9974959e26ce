package ir

import (
	"fmt"
	"log/slog"
)

// Secret is certificate material: a server's or client's own certificate, or
// authorities to check others with.
type Secret struct {
	Name   SecretName `json:"name"`
	Origin Origin     `json:"origin"`
	// Certificate is a PEM chain, leaf first.
	Certificate string `json:"certificate,omitempty"`
	// Key is the PEM private key of the leaf.
	Key Private `json:"key,omitempty"`
	// Authorities is a PEM bundle.
	Authorities string `json:"authorities,omitempty"`

	sum sum
}

// Private is text that must not be seen. Printing, logging and marshalling it
// give a placeholder; only [MarshalSecrets] writes the text itself.
type Private string

const redacted = "[redacted]"

// String hides the text.
func (Private) String() string { return redacted }

// GoString hides the text.
func (Private) GoString() string { return redacted }

// Format hides the text under every verb.
func (Private) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the text.
func (Private) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the text.
func (p Private) MarshalText() ([]byte, error) {
	if p == "" {
		return nil, nil
	}
	return []byte(redacted), nil
}

// Reveal returns the text.
func (p Private) Reveal() string { return string(p) }
