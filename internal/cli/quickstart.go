package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/examples"
	"fsm/internal/hello"
	"fsm/internal/resource"
)

// What the manifests of the quickstart say.
const (
	quickstartHost = "127.0.0.1"
	quickstartPort = 8000
)

// quickstartBackends are its Services by name, with the ports of their servers.
var quickstartBackends = []struct {
	name string
	port uint16
	make func(name string) (backend, error)
}{{"blue", 18080, newHTTPBin}, {"green", 18081, newHTTPBin}, {"greeter", 18082, newGreeter}}

// tour is what to try, for a gateway at an address.
func tour(host string, port uint16) string {
	text, err := examples.Quickstart.ReadFile("quickstart/tour.txt")
	if err != nil {
		panic(err) // it is part of the binary
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.NewReplacer(
		quickstartHost, host,
		":"+strconv.Itoa(quickstartPort), ":"+strconv.Itoa(int(port)),
	).Replace(string(text))
}

// fixed is a source that never changes.
type fixed struct{ set *resource.Set }

func (f fixed) Set() *resource.Set                { return f.set }
func (f fixed) Run(ctx context.Context, _ func()) { <-ctx.Done() }

// quickstartPorts are the ports in use, which need not be those of the manifests.
type quickstartPorts struct {
	gateway uint16
	// backends by the name of their Service.
	backends map[string]uint16
}

// quickstart reads the manifests, with other ports.
func quickstart(ports quickstartPorts) (fixed, error) {
	var objects []resource.Object
	files, err := fs.Glob(examples.Quickstart, "quickstart/*.yaml")
	if err != nil {
		return fixed{}, err
	}
	for _, name := range files {
		text, err := examples.Quickstart.ReadFile(name)
		if err != nil {
			return fixed{}, err
		}
		decoded, problems := resource.Decode(name, text)
		for _, p := range problems {
			return fixed{}, fmt.Errorf("%s: %s", p.Source, p.Message)
		}
		objects = append(objects, decoded...)
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *gatewayv1.Gateway:
			o.Spec.Listeners[0].Port = gatewayv1.PortNumber(ports.gateway)
		case *discoveryv1.EndpointSlice:
			if port, ok := ports.backends[o.Labels[discoveryv1.LabelServiceName]]; ok {
				o.Ports[0].Port = new(int32(port))
			}
		}
	}
	return fixed{resource.NewSet(objects)}, nil
}

// backend is a server, until it is closed.
type backend struct {
	serve func(net.Listener) error
	close func()
}

// newHTTPBin makes a web server that answers requests about requests.
func newHTTPBin(name string) (backend, error) {
	s := &http.Server{Handler: httpbin.New(httpbin.WithHostname(name)), ReadHeaderTimeout: 10 * time.Second}
	return backend{s.Serve, func() { _ = s.Close() }}, nil
}

// newGreeter makes a gRPC server.
func newGreeter(string) (backend, error) {
	s, err := hello.NewServer()
	if err != nil {
		return backend{}, err
	}
	return backend{s.Serve, s.Stop}, nil
}

// backends are those that run, with their ports by name.
type backends struct {
	ports map[string]uint16
	wait  func()
}

// startBackends starts the backends of the quickstart until the context ends.
func startBackends(ctx context.Context) (*backends, error) {
	var wg sync.WaitGroup
	b := &backends{ports: map[string]uint16{}, wait: wg.Wait}
	for _, q := range quickstartBackends {
		server, err := q.make(q.name)
		if err != nil {
			return nil, fmt.Errorf("start backend %s: %w", q.name, err)
		}
		ln, err := listenNear(q.port)
		if err != nil {
			return nil, fmt.Errorf("start backend %s: %w", q.name, err)
		}
		b.ports[q.name] = uint16(ln.Addr().(*net.TCPAddr).Port)
		wg.Go(func() { _ = server.serve(ln) }) // ends with close
		wg.Go(func() {
			<-ctx.Done()
			server.close()
		})
	}
	return b, nil
}

// listenNear listens on a port of the loopback address, or on any if it is taken.
func listenNear(port uint16) (net.Listener, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(quickstartHost, strconv.Itoa(int(port))))
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", quickstartHost+":0")
	}
	return ln, err
}
