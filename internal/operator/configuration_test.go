package operator_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/operator"
	"fsm/internal/provision"
)

// meshConfig is a mesh configuration of a version.
func meshConfig(version, spec string) string {
	return "apiVersion: config.flomesh.io/" + version + "\nkind: MeshConfig\nmetadata: {name: fsm-mesh-config, namespace: configured}\nspec: " + spec + "\n"
}

const configuredObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: configured}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: configured}
spec: {controllerName: flomesh.io/configured}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: configured}
spec:
  gatewayClassName: configured
  listeners: [{name: http, port: 80, protocol: HTTP}]
`

// TestMeshConfig: a mesh configuration acts when it changes. One with a mistake does
// not act, and an event says why; without one, what was installed acts.
func TestMeshConfig(t *testing.T) {
	l := newLab(t)
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/*.yaml"))
	l.Put(configuredObjects)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(l.Ctx)
		l.Check(l.Delete(ctx, configuredObjects))
		l.Check(l.DeleteFiles(ctx, "../../charts/fsm/crds/*.yaml"))
	})
	// Older clients write older versions.
	l.Put(meshConfig("v1alpha1", "{gatewayAPI: {enabled: false}}"))
	level := l.configured()

	l.Eventually("log level of the defaults", func() error { return is(level.Level(), slog.LevelInfo) })
	l.Put(meshConfig("v1alpha3", "{gatewayAPI: {enabled: true, logLevel: debug}, image: {registry: first}, observability: {fsmLogLevel: warn}}"))
	l.Eventually("Gateways are served", func() error { return l.runs("first/fsm-proxy:v1", "--log-level=debug") })
	if err := is(level.Level(), slog.LevelWarn); err != nil {
		t.Error(err)
	}
	if got := l.generation(); got != 1 {
		t.Errorf("the Deployment was made in generation %d, so something was applied while Gateways were off", got)
	}

	l.Put(meshConfig("v1alpha3", "{gatewayAPI: {enabled: true}, image: {registry: bad}, certificate: {serviceCertValidityDuration: 1s}}"))
	l.Eventually("event about the mistake", func() error { return l.warned("serviceCertValidityDuration") })
	if err := l.runs("first/fsm-proxy:v1", "--log-level=debug"); err != nil {
		t.Errorf("after a mistake: %v", err)
	}

	l.Put(meshConfig("v1alpha3", "{gatewayAPI: {enabled: true, logLevel: error, fgwLogLevel: error}, image: {tag: v2}, observability: "+
		"{tracing: {enable: true, address: otel}}}"))
	l.Eventually("next configuration", func() error {
		return l.runs("flomesh/fsm-proxy:v2", "--log-level=error", "--otlp-endpoint=http://otel:4318/v1/traces")
	})
	l.Check(l.Delete(l.Ctx, meshConfig("v1alpha3", "{}")))
	l.Eventually("what was installed", func() error { return l.runs("flomesh/fsm-proxy:v1", "--log-level=info") })
}

// configured runs a control plane whose log level is returned.
func (l *lab) configured() *slog.LevelVar {
	l.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	level := new(slog.LevelVar)
	level.Set(slog.LevelError)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- operator.Run(ctx, operator.Options{
			Config: shared.Admin(), ControllerName: "flomesh.io/configured", Namespace: "configured", Pod: "test", TrustDomain: domain,
			Proxies: provision.Settings{
				Image: "flomesh/fsm-proxy:v1", Controller: "https://fsm-controller", TrustMap: "fsm-trust", Audience: audience,
			},
			LogLevel: level, Log: slog.New(slog.NewTextHandler(testLog{l.T}, nil)),
		}, ln)
	}()
	l.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.T.Error(err)
		}
	})
	return level
}

func is[T comparable](got, want T) error {
	if got != want {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// runs reports what the Deployment of the Gateway has in place of an image and
// arguments.
func (l *lab) runs(image string, args ...string) error {
	d, err := l.Kube.AppsV1().Deployments("configured").Get(l.Ctx, "fsm-gateway-configured", metav1.GetOptions{})
	if err != nil {
		return err
	}
	c := d.Spec.Template.Spec.Containers[0]
	for _, arg := range args {
		if !strings.Contains(" "+strings.Join(c.Args, " ")+" ", " "+arg+" ") {
			return fmt.Errorf("arguments are %v, want %s", c.Args, arg)
		}
	}
	return is(c.Image, image)
}

func (l *lab) generation() int64 {
	l.T.Helper()
	d, err := l.Kube.AppsV1().Deployments("configured").Get(l.Ctx, "fsm-gateway-configured", metav1.GetOptions{})
	l.Check(err)
	return d.Generation
}

// warned reports whether no event about the mesh configuration has a text.
func (l *lab) warned(text string) error {
	events, err := l.Kube.CoreV1().Events("configured").List(l.Ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, e := range events.Items {
		if e.InvolvedObject.Kind == "MeshConfig" && e.Reason == "InvalidConfiguration" && strings.Contains(e.Message, text) {
			return nil
		}
	}
	return fmt.Errorf("%d events, none about %s", len(events.Items), text)
}
