package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"fsm/build/images/oci"
	"fsm/build/images/program"
)

// arch is the only architecture of these images: that of the machines that tests
// run on.
const arch = "amd64"

func main() {
	log.SetFlags(0)
	out := flag.String("out", "bin/images/test", "directory to write to")
	module := flag.String("module", ".", "directory of this module")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: images [flags] [IMAGE...]\n\nImages, all of them if none is named:")
		for _, d := range definitions {
			fmt.Fprintf(flag.CommandLine.Output(), "  %s\t%q\n", d.name, d.names)
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chosen, err := choose(flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range chosen {
		path, err := d.write(ctx, *module, *out)
		if err != nil {
			log.Fatalf("image %s: %v", d.name, err)
		}
		fmt.Println(path)
	}
}

// choose finds images by name; without names it chooses all.
func choose(names []string) ([]definition, error) {
	if len(names) == 0 {
		return definitions, nil
	}
	var chosen []definition
	for _, name := range names {
		i := slices.IndexFunc(definitions, func(d definition) bool { return d.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no image %q; -help lists them", name)
		}
		chosen = append(chosen, definitions[i])
	}
	return chosen, nil
}

// write makes the image and returns the path of its archive.
func (d definition) write(ctx context.Context, module, out string) (string, error) {
	work, err := os.MkdirTemp("", "fsm-test-images-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	image := oci.Image{Arch: arch, Config: d.config, Files: []oci.File{oci.NonrootPasswd}}
	if d.files != nil {
		if image.Files, err = d.files(ctx); err != nil {
			return "", err
		}
	}
	for _, p := range d.programs {
		binary := filepath.Join(work, "program")
		if err := (program.Source{Dir: module, Package: p.pkg, Arch: arch}).Compile(ctx, binary); err != nil {
			return "", err
		}
		content, err := os.ReadFile(binary)
		if err != nil {
			return "", err
		}
		image.Files = append(image.Files, oci.File{Name: p.path, Mode: 0o755, Content: content})
	}
	path := filepath.Join(out, d.name+".tar")
	return path, oci.Write(path, d.names, image)
}
