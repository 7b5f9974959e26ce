// Package program compiles Go programs for images: static ones, that need nothing
// of an image but themselves. What is compiled is decided by the module that it is
// compiled in; the package fetches no source and knows no versions.
package program

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Source says what to compile.
type Source struct {
	// Dir is a directory in the module that decides the versions of what the
	// program is made of.
	Dir string
	// Package is the program, as go build takes it.
	Package string
	Arch    string
	// Variables are flags for the linker that set variables, if any.
	Variables string
}

// Compile writes the program to a file.
func (s Source) Compile(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w "+s.Variables, "-o", to, s.Package)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+s.Arch, "GOTOOLCHAIN=auto", "GOWORK=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile %s for %s: %w", s.Package, s.Arch, err)
	}
	return nil
}
