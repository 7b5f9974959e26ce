package node

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/template"

	"fsm/test/cluster"
)

//go:embed config
var templates embed.FS

const (
	containerdSocket = "/run/containerd/containerd.sock"
	etc              = "/etc/node"
)

// values are what the templates of configuration files say.
type values struct {
	Config
	DNS, Runc, Socket, Etc, Snapshotter string
}

// configure writes what the programs of the node read, and gives containerd the
// network plugins.
func (c Config) configure() error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("find runc: %w", err)
	}
	files, err := template.ParseFS(templates, "config/*")
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	v := values{Config: c, DNS: cluster.DNS, Runc: runc, Socket: containerdSocket, Etc: etc}
	if v.Snapshotter, err = snapshotter(); err != nil {
		return err
	}
	for name, path := range map[string]string{
		"containerd.toml": etc + "/containerd.toml",
		"hosts.toml":      etc + "/registries/_default/hosts.toml",
		"kubelet.yaml":    etc + "/kubelet.yaml",
		"kube-proxy.yaml": etc + "/kube-proxy.yaml",
		"resolv.conf":     etc + "/resolv.conf",
		"network.json":    "/etc/cni/net.d/10-cluster.conflist",
	} {
		if err := write(files.Lookup(name), path, v); err != nil {
			return err
		}
	}
	const plugins = "/opt/cni/bin"
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return fmt.Errorf("make directory for network plugins: %w", err)
	}
	for _, name := range []string{"bridge", "host-local", "loopback", "portmap"} {
		if err := os.Symlink(filepath.Join(c.Programs, name), filepath.Join(plugins, name)); err != nil {
			return fmt.Errorf("install network plugin: %w", err)
		}
	}
	return nil
}

// snapshotter is how containerd stacks the layers of images: by overlays, or by copies
// where its directory is on an overlay itself, as in a container. An overlay cannot keep
// its changes on another.
func snapshotter() (string, error) {
	const dir, overlay = "/var/lib/containerd", 0x794c7630 // OVERLAYFS_SUPER_MAGIC
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "", fmt.Errorf("find file system of %s: %w", dir, err)
	}
	if s.Type == overlay {
		return "native", nil
	}
	return "overlayfs", nil
}

func write(t *template.Template, path string, v values) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	defer f.Close()
	if err := t.Execute(f, v); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
