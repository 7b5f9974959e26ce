package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fsm/build/images/oci"
	"fsm/build/images/program"
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
func (b *builder) build(ctx context.Context, name string) (string, error) {
	work, err := os.MkdirTemp("", "fsm-images-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return "", err
	}
	var images []oci.Image
	for _, arch := range b.arches {
		binary := filepath.Join(work, arch)
		source := program.Source{Dir: b.root, Package: "./cmd/" + name, Arch: arch, Variables: "-X fsm/internal/cli.Version=" + b.version}
		if err := source.Compile(ctx, binary); err != nil {
			return "", err
		}
		image, err := b.image(name, arch, binary)
		if err != nil {
			return "", fmt.Errorf("%s: %w", arch, err)
		}
		images = append(images, image)
		bom := filepath.Join(b.out, name+"-"+arch+".spdx.json")
		if err := writeBOM(bom, name, b.version, binary); err != nil {
			return "", fmt.Errorf("list what is in %s for %s: %w", name, arch, err)
		}
	}
	path := filepath.Join(b.out, name+".tar")
	return path, oci.Write(path, []string{b.registry + "/" + name + ":" + b.version}, images...)
}

// image is the image of a program for an architecture.
func (b *builder) image(name, arch, binary string) (oci.Image, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return oci.Image{}, err
	}
	return oci.Image{
		Arch: arch,
		Config: v1.Config{
			Entrypoint: []string{"/" + name}, User: oci.Nonroot + ":" + oci.Nonroot, WorkingDir: "/",
			Labels: map[string]string{
				"org.opencontainers.image.title": name, "org.opencontainers.image.version": b.version,
			},
		},
		Files: []oci.File{oci.NonrootPasswd, {Name: name, Mode: 0o755, Content: content}},
	}, nil
}
