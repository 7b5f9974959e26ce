package affinity

import (
	"bytes"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMask(t *testing.T) {
	m := only(3, 64, 69)
	if diff := cmp.Diff([]int{3, 64, 69}, m.list()); diff != "" {
		t.Errorf("CPUs (-want +got):\n%s", diff)
	}
}

// What a child is allowed is what counts: it is where the proxy will run.
func TestStarterPutsAChildOnItsCPU(t *testing.T) {
	layout, err := Plan()
	if err != nil {
		t.Skip("nothing can be pinned here:", err)
	}
	starter := NewStarter()
	first, second := strconv.Itoa(layout.Proxy), strconv.Itoa(layout.Load)
	both := first + "," + second
	if layout.Load == layout.Proxy+1 {
		both = first + "-" + second
	}
	for want, cpus := range map[string][]int{first: {layout.Proxy}, second: {layout.Load}, both: {layout.Proxy, layout.Load}} {
		cmd := exec.Command("cat", "/proc/self/status")
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := starter.Start(cmd, cpus...); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if want := "Cpus_allowed_list:\t" + want + "\n"; !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
	}
}

func TestPlanLeavesTheProcessAsItWas(t *testing.T) {
	runtime.LockOSThread() // a CPU is a thread's
	defer runtime.UnlockOSThread()
	before, err := get(0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = Plan()
	if after, err := get(0); err != nil || after != before {
		t.Errorf("CPUs were %v, are %v (%v)", before.list(), after.list(), err)
	}
}
