package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Options of a lab.
type Options struct {
	// Dir is where the lab keeps everything.
	Dir string
	// Nodes is how many there are, two if zero.
	Nodes int
	// NoLoadBalancers leaves Services of type LoadBalancer to somebody else.
	NoLoadBalancers bool
}

const maxNodes = 9

func (o Options) complete() (Options, error) {
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return o, fmt.Errorf("a lab has 1 to %d nodes, not %d", maxNodes, o.Nodes)
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, fmt.Errorf("find directory of lab: %w", err)
	}
	return o, nil
}

// Dir is the directory of the lab that people mean: that of FSM_CLUSTER_DIR, or one in
// the user's cache.
func Dir() (string, error) {
	if dir := os.Getenv("FSM_CLUSTER_DIR"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	return filepath.Join(cache, "fsm", "cluster", "state"), nil
}

// requirement is a program of the machine, and the Debian package that has it.
type requirement struct{ program, debian string }

func requirements() []requirement {
	return []requirement{
		{"ip", "iproute2"}, {"nsenter", "util-linux"}, {"mount", "mount"}, {"runc", "runc"}, {"iptables", "iptables"},
	}
}

// Missing lists the Debian packages of programs that a lab needs of the machine, and
// that are not there.
func Missing() []string {
	var missing []string
	for _, r := range requirements() {
		if _, err := exec.LookPath(r.program); err != nil {
			missing = append(missing, r.debian)
		}
	}
	return missing
}

// able says what keeps this process from starting a lab.
func able() error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster with nodes needs root, for namespaces and cgroups")
	}
	if missing := Missing(); len(missing) > 0 {
		return fmt.Errorf("programs are missing; run: apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	return nil
}
