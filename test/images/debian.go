package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"fsm/build/images/oci"
)

// The curl image is made of files of the machine that builds it, since there is no
// Go module of curl. They are Debian's: curl with the libraries that it loads, and
// the busybox of the package busybox-static for everything else that a pod to type
// commands in needs.

// curlFiles are the files of the curl image.
func curlFiles(ctx context.Context) ([]oci.File, error) {
	files, err := dynamic(ctx, "curl")
	if err != nil {
		return nil, err
	}
	box, err := busybox(ctx)
	if err != nil {
		return nil, err
	}
	files = append(files, box...)
	files = append(files,
		oci.File{Name: "tmp/", Mode: 0o1777},
		oci.File{Name: "etc/nsswitch.conf", Mode: 0o644, Content: []byte("hosts: files dns\n")},
		oci.File{Name: "etc/group", Mode: 0o644, Content: []byte("root:x:0:\ncurl_group:x:101:\n")},
		oci.File{Name: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0::/:/bin/sh\ncurl_user:x:100:101::/tmp:/bin/sh\n")},
	)
	return files, nil
}

// dynamic is a program of this machine, with the libraries that it loads.
func dynamic(ctx context.Context, name string) ([]oci.File, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("install %s for the image to be made of: %w", name, err)
	}
	out, err := exec.CommandContext(ctx, "ldd", path).Output()
	if err != nil {
		return nil, fmt.Errorf("list libraries of %s: %w", path, err)
	}
	paths := []string{path}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		// "libz.so.1 => /lib/libz.so.1 (0x…)", and "/lib64/ld-linux.so.2 (0x…)"; what
		// has no path is part of the kernel.
		for word := range strings.FieldsSeq(lines.Text()) {
			if strings.HasPrefix(word, "/") {
				paths = append(paths, word)
			}
		}
	}
	var files []oci.File
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read file for image: %w", err)
		}
		files = append(files, oci.File{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Content: content})
	}
	return files, nil
}

// busybox is busybox with a link for each command that it knows.
func busybox(ctx context.Context) ([]oci.File, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("install busybox-static for the image to be made of: %w", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read file for image: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("list commands of busybox: %w", err)
	}
	files := []oci.File{{Name: "bin/busybox", Mode: 0o755, Content: content}}
	for command := range strings.FieldsSeq(string(out)) {
		if command != "busybox" {
			files = append(files, oci.File{Name: "bin/" + command, Link: "busybox"})
		}
	}
	return files, nil
}
