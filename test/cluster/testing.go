package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// Required is the environment variable that, set to anything, makes tests fail
// that need the programs of a cluster where these are not built. Otherwise such
// tests are skipped. [RequiredNodes] asks for more.
const Required = "FSM_CLUSTER_REQUIRED"

// startTime is how long a cluster may take to start on a machine that is busy with
// other things.
const startTime = 2 * time.Minute

// Main runs the tests of a package over one cluster, for TestMain. The cluster is
// nil, for [Cluster.Need] to skip tests, where the programs are not built.
func Main(m *testing.M, into **Cluster, o Options) int {
	dir, err := os.MkdirTemp("", "fsm-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make directory of test cluster:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	o.Dir = dir
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := Start(ctx, o)
	switch {
	case errors.Is(err, ErrNotBuilt) && os.Getenv(Required) == "":
		return m.Run()
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Stop()
	*into = c
	return m.Run()
}

// Need skips the test where there is no cluster.
func (c *Cluster) Need(t testing.TB) *Cluster {
	t.Helper()
	if c == nil {
		t.Skip(ErrNotBuilt)
	}
	return c
}
