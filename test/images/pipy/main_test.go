package main

import (
	"io"
	"strings"
	"testing"
)

// TestRefused: what is not understood is an error, not a server that does
// something else.
func TestRefused(t *testing.T) {
	for want, c := range map[string]struct {
		config string
		args   []string
	}{
		"usage":               {},
		"is not understood":   {args: []string{"main.js"}},
		"not defined: -admin": {args: []string{"-admin-port=6060"}},
		"read script: at 0":   {args: []string{"-e", "os.exit(0)"}},
		"usage: pipy -e":      {config: "/etc/pipy/other/main.js"},
	} {
		t.Setenv("PIPY_CONFIG_FILE", c.config)
		if err := run(t.Context(), c.args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", c.args, err, want)
		}
	}
}
