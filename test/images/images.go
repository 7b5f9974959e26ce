package main

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fsm/build/images/oci"
)

// definition says what an image is made of.
type definition struct {
	// name is that of its archive.
	name string
	// names are those that manifests use.
	names []string
	// programs are compiled, and put where they are in the original.
	programs []installed
	// files are what else is in it; nil for a list of users.
	files  func(context.Context) ([]oci.File, error)
	config v1.Config
}

// installed is a program at its place in an image.
type installed struct {
	// pkg is a package of this module, or of one that it requires.
	pkg  string
	path string
}

// searched is where commands are looked for, as in the originals. Manifests and
// kubectl exec call the programs without a path.
var searched = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// definitions are all images. They run as the users that the originals run as.
var definitions = []definition{
	{
		// The backend of the conformance suite.
		name:     "echo-basic",
		names:    []string{"registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0", "registry.k8s.io/gateway-api/conformance/echo-basic:v0.2.0"},
		programs: []installed{{"sigs.k8s.io/gateway-api-conformance-images/echo-basic", "echo-basic"}},
		config:   v1.Config{Env: searched, Entrypoint: []string{"/echo-basic"}, User: "65532:65532", WorkingDir: "/"},
	},
	{
		// The backend of most pages.
		name:     "httpbin",
		names:    []string{"kennethreitz/httpbin", "simonkowallik/httpbin", "flomesh/httpbin", "flomesh/httpbin:ken"},
		programs: []installed{{"./httpbin", "usr/local/bin/gunicorn"}},
		config:   v1.Config{Env: searched, Cmd: []string{"gunicorn", "-b", "0.0.0.0:80", "httpbin:app", "-k", "gevent"}},
	},
	{
		// Servers of one line, and with PIPY_CONFIG_FILE the backend of the pages on
		// Ingress.
		name:     "pipy",
		names:    []string{"flomesh/pipy:0.99.0-2", "flomesh/pipy:0.99.1-1", "flomesh/pipy:1.0.0-1", "flomesh/pipy", "addozhang/httpbin"},
		programs: []installed{{"./pipy", "usr/local/bin/pipy"}},
		config:   v1.Config{Env: searched, Cmd: []string{"pipy"}},
	},
	{
		name:     "grpcbin",
		names:    []string{"moul/grpcbin", "flomesh/grpcbin"},
		programs: []installed{{"./grpcbin", "grpcbin"}},
		config:   v1.Config{Env: searched, Cmd: []string{"/grpcbin"}},
	},
	{
		// Echo servers of all kinds, and the load generator of the pages.
		name:     "fortio",
		names:    []string{"fortio/fortio:latest_release", "fortio/fortio"},
		programs: []installed{{"fortio.org/fortio", "usr/bin/fortio"}},
		config:   v1.Config{Env: searched, Entrypoint: []string{"/usr/bin/fortio"}, Cmd: []string{"server"}},
	},
	{
		// A pod to call others from. What it sleeps in does not end at SIGTERM as the
		// first process of a pod, and has nothing to lose.
		name:   "curl",
		names:  []string{"curlimages/curl"},
		files:  curlFiles,
		config: v1.Config{Env: searched, Cmd: []string{"curl"}, User: "100:101", WorkingDir: "/tmp", StopSignal: "SIGKILL"},
	},
}
