package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Tier is a part of a cluster whose programs are built and kept together.
type Tier struct {
	programs []program
	// sources, below the module of the tools, are the files that decide what the
	// programs are.
	sources []string
}

// program is something that a cluster consists of.
type program struct {
	name string
	pkg  string
	// module that the program reports the version of; empty for none.
	module string
	// dir of the program's own module below that of the tools; empty for theirs.
	dir  string
	tags string
}

// ControlPlane is what a cluster without nodes needs.
func ControlPlane() Tier {
	return Tier{
		programs: []program{
			{name: "etcd", pkg: "go.etcd.io/etcd/server/v3"},
			kubernetesProgram("kube-apiserver"),
			kubernetesProgram("kube-controller-manager"),
		},
		sources: []string{"go.mod", "go.sum"},
	}
}

// NodePrograms is what a cluster needs besides to run pods.
func NodePrograms() Tier {
	const containerd, plugins = "github.com/containerd/containerd/v2/cmd/", "github.com/containernetworking/plugins/plugins/"
	const small = "no_btrfs,no_zfs,no_devmapper,no_erofs,no_tracing"
	return Tier{
		programs: []program{
			{name: "pause", pkg: "./cmd/pause"},
			{name: "coredns", pkg: ".", dir: "cmd/coredns"},
			{name: "bridge", pkg: plugins + "main/bridge"},
			{name: "loopback", pkg: plugins + "main/loopback"},
			{name: "host-local", pkg: plugins + "ipam/host-local"},
			{name: "portmap", pkg: plugins + "meta/portmap"},
			{name: "containerd", pkg: containerd + "containerd", tags: small},
			{name: "containerd-shim-runc-v2", pkg: containerd + "containerd-shim-runc-v2", tags: small},
			kubernetesProgram("kube-scheduler"),
			kubernetesProgram("kube-proxy"),
			kubernetesProgram("kubelet"),
			kubernetesProgram("kubectl"),
		},
		sources: []string{
			"go.mod", "go.sum", "cmd/pause/main.go", "cmd/coredns/go.mod", "cmd/coredns/go.sum", "cmd/coredns/main.go",
		},
	}
}

func kubernetesProgram(name string) program {
	return program{name: name, pkg: "k8s.io/kubernetes/cmd/" + name, module: "k8s.io/kubernetes"}
}

// recipe counts up when programs are built in another way than before.
const recipe = "1"

// ErrNotBuilt says that the programs of a cluster are not in the cache.
var ErrNotBuilt = errors.New("the programs of the test cluster are not built; run: go run ./test/cluster/cmd build")

// Build makes the programs of the tiers that are not in the cache yet. On two cores
// all of them take some seven minutes the first time.
func Build(ctx context.Context, progress io.Writer, tiers ...Tier) error {
	module, err := toolsModule()
	if err != nil {
		return err
	}
	for _, t := range tiers {
		if err := t.build(ctx, module, progress); err != nil {
			return err
		}
	}
	return nil
}

func (t Tier) build(ctx context.Context, module string, progress io.Writer) error {
	dir, err := t.binaries(module)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory for programs: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	for _, p := range t.programs {
		if _, err := os.Stat(filepath.Join(dir, p.name)); err == nil {
			continue
		}
		fmt.Fprintf(progress, "building %s\n", p.name)
		err := p.build(ctx, module, dir, progress)
		if err != nil && ctx.Err() == nil {
			// It fetches modules, which may fail for reasons that pass. What has been
			// fetched and compiled is not done again.
			fmt.Fprintf(progress, "%v; trying once more\n", err)
			err = p.build(ctx, module, dir, progress)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// build writes the program beside its place first, so that what is in its place
// is always whole.
func (p program) build(ctx context.Context, module, dir string, progress io.Writer) error {
	flags := "-s -w"
	if p.module != "" {
		version, err := moduleVersion(ctx, module, p.module)
		if err != nil {
			return err
		}
		flags += versionFlags(version)
	}
	fresh := filepath.Join(dir, "."+p.name)
	cmd := goCommand(ctx, filepath.Join(module, p.dir), "build", "-trimpath", "-buildvcs=false", "-tags", p.tags, "-ldflags", flags, "-o", fresh, p.pkg)
	cmd.Stdout, cmd.Stderr = progress, progress
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", p.name, err)
	}
	if err := os.Rename(fresh, filepath.Join(dir, p.name)); err != nil {
		return fmt.Errorf("install %s: %w", p.name, err)
	}
	return nil
}

// versionFlags tell a program of Kubernetes its version, which it otherwise takes
// to be v0.0.0 and refuses to work with others of its kind.
func versionFlags(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const component = " -X k8s.io/component-base/version."
	return component + "gitVersion=" + version + component + "gitMajor=" + major + component + "gitMinor=" + minor +
		" -X k8s.io/client-go/pkg/version.gitVersion=" + version
}

func moduleVersion(ctx context.Context, module, path string) (string, error) {
	cmd := goCommand(ctx, module, "list", "-m", "-f", "{{.Version}}", path)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find version of %s: %w: %s", path, err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// goCommand is the go command in the module of the tools, free of what the caller's
// environment says about another module.
func goCommand(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOTOOLCHAIN=auto", "GOWORK=off")
	return cmd
}

// toolsModule finds the directory of the tools' go.mod from inside this module.
func toolsModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for {
		tools := filepath.Join(dir, "test", "cluster", "tools")
		if _, err := os.Stat(filepath.Join(tools, "go.mod")); err == nil {
			return tools, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find test/cluster/tools: not inside the project")
		}
		dir = parent
	}
}

// binaries is the directory of the programs. Its name follows from all that they
// are made of.
func (t Tier) binaries(module string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, recipe, runtime.GOOS, runtime.GOARCH)
	for _, name := range t.sources {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", fmt.Errorf("read module of tools: %w", err)
		}
		h.Write(text)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	return filepath.Join(cache, "fsm", "cluster", hex.EncodeToString(h.Sum(nil))[:16], "bin"), nil
}

// Built is the directory of the tier's programs, all of which are there. Otherwise
// the error is [ErrNotBuilt].
func (t Tier) Built() (string, error) {
	module, err := toolsModule()
	if err != nil {
		return "", err
	}
	dir, err := t.binaries(module)
	if err != nil {
		return "", err
	}
	for _, p := range t.programs {
		if _, err := os.Stat(filepath.Join(dir, p.name)); err != nil {
			return "", fmt.Errorf("%w (%s is missing)", ErrNotBuilt, p.name)
		}
	}
	return dir, nil
}

// lock keeps two builds from doing the same work.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
