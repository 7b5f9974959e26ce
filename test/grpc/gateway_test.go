package grpctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// gateway is what stands between a client and a server. What is not nil of the
// certificates turns TLS on, in PEM.
type gateway struct {
	// server is where the server listens: "host:port".
	server string
	// certificate and key are shown to clients.
	certificate, key []byte
	// clients is the authority of the certificates that clients have to show.
	clients []byte
	// authority is that of the server's certificate.
	authority []byte
	log       io.Writer
}

// start serves until the context ends. It returns where, and how to wait for the
// end.
func (g gateway) start(ctx context.Context) (addr string, wait func(), err error) {
	objects, err := g.objects()
	if err != nil {
		return "", nil, err
	}
	mesh, report := translate.Translate(resource.NewSet(objects), translate.Config{Standalone: true})
	snapshot := project.Project(mesh, project.Node{Role: project.RoleGateway, Bind: []string{"127.0.0.1"}})
	for _, l := range snapshot.Listeners {
		l.Port = 0 // the kernel chooses, since several gateways run at a time
	}
	p, err := proxy.New(proxy.Config{Log: slog.New(slog.NewTextHandler(g.log, nil))})
	if err != nil {
		return "", nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	wait = func() { stop(); wg.Wait() }
	snapshot.Seal()
	if ack := p.Apply(snapshot); len(ack.Failures) > 0 || ack.Rejected != "" {
		wait()
		return "", nil, fmt.Errorf("apply: %+v", ack)
	}
	for _, l := range snapshot.Listeners {
		if a := p.Sockets().Addr(l.Name); a != nil && len(l.Chains) > 0 && l.Chains[0].Match.TLS == (g.certificate != nil) {
			return a.String(), wait, nil
		}
	}
	wait()
	return "", nil, fmt.Errorf("no listener serves:\n%s", report)
}

// objects are those of the manifests, and what differs from one run to the next.
func (g gateway) objects() ([]resource.Object, error) {
	objects, err := manifest("gateway.yaml")
	if err != nil {
		return nil, err
	}
	slice, err := g.endpoint()
	if err != nil {
		return nil, err
	}
	objects = append(objects, slice)
	if g.certificate != nil {
		objects = append(objects, &corev1.Secret{
			ObjectMeta: named("server"), Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSCertKey: g.certificate, corev1.TLSPrivateKeyKey: g.key},
		})
	}
	if g.clients != nil {
		objects = append(objects, authority("clients", g.clients))
		for _, o := range objects {
			if gw, ok := o.(*gatewayv1.Gateway); ok {
				gw.Spec.TLS = demand("clients")
			}
		}
	}
	if g.authority != nil {
		policy, err := manifest("backendtls.yaml")
		if err != nil {
			return nil, err
		}
		objects = append(append(objects, policy...), authority("server-authority", g.authority))
	}
	return objects, nil
}

func manifest(name string) ([]resource.Object, error) {
	text, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		return nil, err
	}
	objects, problems := resource.Decode(name, text)
	var failures []error
	for _, p := range problems {
		failures = append(failures, errors.New(p.Message))
	}
	return objects, errors.Join(failures...)
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name}
}

func authority(name string, pem []byte) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: named(name), Data: map[string]string{"ca.crt": string(pem)}}
}

// demand has clients show a certificate by an authority.
func demand(authority string) *gatewayv1.GatewayTLSConfig {
	return &gatewayv1.GatewayTLSConfig{Frontend: &gatewayv1.FrontendTLSConfig{Default: gatewayv1.TLSConfig{
		Validation: &gatewayv1.FrontendTLSValidation{
			CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "ConfigMap", Name: gatewayv1.ObjectName(authority)}},
			Mode:              gatewayv1.AllowValidOnly,
		},
	}}}
}

// endpoint is where the Service leads.
func (g gateway) endpoint() (*discoveryv1.EndpointSlice, error) {
	host, text, err := net.SplitHostPort(g.server)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, err
	}
	meta := named("server-1")
	meta.Labels = map[string]string{discoveryv1.LabelServiceName: "server"}
	return &discoveryv1.EndpointSlice{
		ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4,
		Ports:     []discoveryv1.EndpointPort{{Name: new("grpc"), Port: new(int32(port))}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{host}}},
	}, nil
}
