package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"golang.org/x/sys/unix"

	"fsm/build/images/oci/ocitest"
)

// builtVariable tells the tests where the images are that TestMain made.
const builtVariable = "FSM_TEST_IMAGES"

// TestMain makes all images, and runs the tests again in a network namespace of
// their own, where the ports of the pages are free.
func TestMain(m *testing.M) {
	if os.Getenv(builtVariable) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if os.Geteuid() != 0 {
		os.Exit(m.Run())
	}
	code, err := again()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func again() (code int, err error) {
	dir, err := os.MkdirTemp("", "fsm-test-images-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // for those who are not root in an image
		return 1, err
	}
	for _, d := range definitions {
		if _, err := d.write(context.Background(), ".", dir); err != nil {
			return 1, fmt.Errorf("image %s: %w", d.name, err)
		}
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), builtVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Run(); cmd.ProcessState == nil {
		return 1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// loopbackUp makes 127.0.0.1 work in a new network namespace.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	return nil
}

// container is an image with its files laid out, in which programs can be run the
// way that a container runtime would.
type container struct {
	root   string
	config v1.Config
}

// newContainer lays an image out, the first time that it is asked for. The tests of
// this package run one after another, and share its files.
func newContainer(t *testing.T, image string) *container {
	t.Helper()
	built := os.Getenv(builtVariable)
	if built == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root, to run programs in the file systems of images")
		}
		t.Skip("needs root, to run programs in the file systems of images")
	}
	chosen, err := choose([]string{image})
	if err != nil {
		t.Fatal(err)
	}
	c := &container{root: filepath.Join(built, image), config: chosen[0].config}
	if err := os.Mkdir(c.root, 0o755); errors.Is(err, fs.ErrExist) {
		return c
	} else if err != nil {
		t.Fatal(err)
	}
	files := mutate.Extract(ocitest.Read(t, c.root+".tar")[0])
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err == io.EOF {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.add(h, r); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *container) add(h *tar.Header, content io.Reader) error {
	name := filepath.Join(c.root, h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
		return os.Chmod(name, h.FileInfo().Mode())
	case tar.TypeSymlink:
		return os.Symlink(h.Linkname, name)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, h.FileInfo().Mode().Perm())
}

// mount puts a file into the container.
func (c *container) mount(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(c.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// command is a command in the container; without one it is the image's.
func (c *container) command(t *testing.T, env []string, words ...string) *exec.Cmd {
	t.Helper()
	if len(words) == 0 {
		words = slices.Concat(c.config.Entrypoint, c.config.Cmd)
	}
	cmd := exec.CommandContext(t.Context(), c.find(t, words[0]), words[1:]...)
	cmd.Err = nil // the path is one in the container
	cmd.Args[0] = words[0]
	cmd.Dir = "/"
	cmd.Env = slices.Concat(c.config.Env, env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root}
	if uid, gid, ok := strings.Cut(c.config.User, ":"); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: parseID(t, uid), Gid: parseID(t, gid)}
	}
	return cmd
}

func parseID(t *testing.T, s string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// find looks for a program on the image's path.
func (c *container) find(t *testing.T, name string) string {
	t.Helper()
	if strings.HasPrefix(name, "/") {
		return name
	}
	dirs, _ := strings.CutPrefix(c.config.Env[0], "PATH=")
	for dir := range strings.SplitSeq(dirs, ":") {
		if _, err := os.Lstat(filepath.Join(c.root, dir, name)); err == nil {
			return dir + "/" + name
		}
	}
	t.Fatalf("%s is not on the image's path", name)
	return ""
}

// start starts a server. It has to end by itself when it is told to.
func (c *container) start(t *testing.T, env []string, words ...string) {
	t.Helper()
	cmd := c.command(t, env, words...)
	var log bytes.Buffer // to be read after the test
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Errorf("%s does not end when told to", cmd.Args[0])
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s: %s", cmd.Args[0], log.Bytes())
		}
	})
}

// run runs a command that ends.
func (c *container) run(t *testing.T, words ...string) string {
	t.Helper()
	out, err := c.command(t, nil, words...).Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		t.Fatalf("%s: %v\n%s", words, err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// eventually tries something until it works.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if try() {
			return
		}
		<-tick.C
	}
	t.Fatal(what)
}

// reachable waits until a port is listened on.
func reachable(t *testing.T, port int) {
	t.Helper()
	eventually(t, fmt.Sprintf("nothing listens on port %d", port), func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// exchange sends a datagram until there is an answer.
func exchange(t *testing.T, addr, text string) (answer string) {
	t.Helper()
	eventually(t, "no answer from "+addr, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write([]byte(text)) // refused: the server is not there yet
		buf := make([]byte, 2048)
		n, err := conn.Read(buf)
		answer = string(buf[:n])
		return err == nil
	})
	return answer
}
