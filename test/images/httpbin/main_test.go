package main

import (
	"strings"
	"testing"
)

// TestRefused: arguments that would have meant something to the original, and
// cannot be followed here, are errors.
func TestRefused(t *testing.T) {
	for want, args := range map[string][]string{
		"the only application": {"-b", "127.0.0.1:0", "other:app"},
		"httpbin:app":          {},
		"kind of workers":      {"httpbin:app", "-k", "eventlet"},
		"load certificate":     {"httpbin:app", "--certfile", "/none/cert.pem", "--keyfile", "/none/key.pem"},
		"unknown flag":         {"httpbin:app", "--reload"},
	} {
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}
