package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// programs are those that get an image, by their directories in cmd.
var programs = []string{"fsm-controller", "fsm-proxy"}

func main() {
	log.SetFlags(0)
	var b builder
	arches := flag.String("arch", "amd64,arm64", "architectures, separated by commas")
	flag.StringVar(&b.root, "root", ".", "root of the checkout")
	flag.StringVar(&b.out, "out", "bin/images", "directory to write to")
	flag.StringVar(&b.registry, "registry", "flomesh", "registry and path in the names of the images")
	flag.StringVar(&b.version, "version", "devel", "version, which is the tag")
	flag.Parse()
	b.arches = strings.Split(*arches, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, program := range programs {
		path, err := b.build(ctx, program)
		if err != nil {
			log.Fatalf("image of %s: %v", program, err)
		}
		fmt.Println(path)
	}
}

// builder makes images from a checkout.
type builder struct {
	root, out, registry, version string
	arches                       []string
}

// build makes the image of a program and returns the path of its archive.
func (b *builder) build(ctx context.Context, program string) (string, error) {
	work, err := os.MkdirTemp("", "fsm-images-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return "", err
	}
	index := newIndex()
	for _, arch := range b.arches {
		binary := filepath.Join(work, arch)
		if err := b.compile(ctx, program, arch, binary); err != nil {
			return "", err
		}
		image, err := b.image(program, arch, binary)
		if err != nil {
			return "", fmt.Errorf("%s: %w", arch, err)
		}
		index = addImage(index, image, arch)
		bom := filepath.Join(b.out, program+"-"+arch+".spdx.json")
		if err := writeBOM(bom, program, b.version, binary); err != nil {
			return "", fmt.Errorf("list what is in %s for %s: %w", program, arch, err)
		}
	}
	path := filepath.Join(b.out, program+".tar")
	return path, writeArchive(path, filepath.Join(work, "layout"), index, b.registry+"/"+program+":"+b.version)
}

// compile builds a static program.
func (b *builder) compile(ctx context.Context, program, arch, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X fsm/internal/cli.Version="+b.version, "-o", to, "./cmd/"+program)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile for %s: %w", arch, err)
	}
	return nil
}
