package behavior

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/test/behavior/standin"
)

// TestMain is also the command grpcurl, for shell lines.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"grpcurl": func() {
		ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
		defer cancel()
		if err := standin.Grpcurl(ctx, os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}})
}
