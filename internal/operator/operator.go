package operator

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/controller"
	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/ir"
	"fsm/internal/leader"
	"fsm/internal/project"
	"fsm/internal/provision"
	"fsm/internal/source/kube"
	"fsm/internal/status"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// Options of a control plane.
type Options struct {
	Config *rest.Config
	// ControllerName of the GatewayClasses that are ours.
	ControllerName string
	// Namespace and Pod are those that the control plane runs in.
	Namespace, Pod string
	// TrustDomain of the identities of proxies.
	TrustDomain string
	// Proxies are the settings of the proxies that Gateways get.
	Proxies provision.Settings
	// Features that GatewayClasses claim.
	Features []gatewayv1.FeatureName
	// SecretNamespaces are the only ones whose Secrets are read; nil is all.
	SecretNamespaces []string
	Log              *slog.Logger
}

// Name of the control plane: in its identity, of its Lease and its Service, and the
// audience of tokens that are for it.
const Name = "fsm-controller"

// controlPlane is a running one.
type controlPlane struct {
	Options
	client    kubernetes.Interface
	source    *kube.Source
	server    *deliver.Server
	fleet     *fleet
	workloads *workloads
	writer    *status.Writer
}

// Run runs a control plane that delivers on a listener, until the context ends.
func Run(ctx context.Context, o Options, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		return fmt.Errorf("make Kubernetes client: %w", err)
	}
	c := &controlPlane{Options: o, client: client}
	ca, err := identity.OpenCA(ctx, identity.CAConfig{TrustDomain: o.TrustDomain, Store: &secretStore{client, o.Namespace}})
	if err != nil {
		return err
	}
	if c.source, err = kube.Open(ctx, kube.Options{
		Config: o.Config, ControllerName: o.ControllerName, SecretNamespaces: o.SecretNamespaces, Log: o.Log,
	}); err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the wait, whatever the reason to leave
	own, err := c.certificate(ctx, &wg, ca)
	if err != nil {
		return err
	}
	c.server = deliver.NewServer(deliver.ServerConfig{
		Project: c.project, Answered: func(a deliver.Answer) { c.fleet.answered(a) }, Changed: func() { c.fleet.changed() },
		TLS: identity.ServerTLS(identity.Side{
			Certificate: own.Certificate, Trust: identity.TrustBundle(ca.Bundle()), Accept: identity.In(o.TrustDomain),
		}),
		Authenticate: c.authenticate, Sign: ca.Sign, Log: o.Log,
	})
	if c.writer, err = status.New(status.Options{
		Config: o.Config, ControllerName: o.ControllerName, Source: c.source, Features: o.Features, Proxies: c.proxies, Log: o.Log,
	}); err != nil {
		return err
	}
	c.fleet = &fleet{server: c.server, publish: c.writer.Publish, wake: c.writer.Wake, answers: map[replica]deliver.Answer{}}
	c.workloads = newWorkloads(c, ca.Bundle())
	candidate, err := leader.New(leader.Options{Config: o.Config, Namespace: o.Namespace, Name: Name, Identity: o.Pod, Log: o.Log})
	if err != nil {
		return err
	}
	if err := c.workloads.watch(ctx); err != nil {
		return err
	}
	loop := &controller.Loop{
		Sources: []controller.Source{c.source}, Translator: translate.New(translate.Config{ControllerName: o.ControllerName}),
		Delivery: c.server, Translated: c.translated,
	}
	failed := make(chan error, 2)
	wg.Go(func() { loop.Run(ctx) })
	wg.Go(func() { failed <- c.server.Serve(ctx, ln) })
	wg.Go(func() { failed <- candidate.Run(ctx, c.lead) })
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// lead is what the leader does.
func (c *controlPlane) lead(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.writer.Run(ctx) })
	wg.Go(func() { c.workloads.run(ctx) })
}

// certificate keeps the control plane's own.
func (c *controlPlane) certificate(ctx context.Context, wg *sync.WaitGroup, ca *identity.CA) (*identity.Renewer, error) {
	id := identity.ID{TrustDomain: c.TrustDomain, Role: identity.Controller, Namespace: c.Namespace, Name: Name}
	own := identity.NewRenewer(identity.RenewerConfig{
		ID:      id,
		Request: func(_ context.Context, request []byte) ([]byte, error) { return ca.Sign(request, id) },
		Failed: func(err error, retry time.Duration) {
			c.Log.Error("own certificate not renewed", "error", err, "retry", retry)
		},
	})
	wg.Go(func() { own.Run(ctx) })
	select {
	case <-own.Ready():
		return own, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// project selects what the proxies of a Gateway need.
func (c *controlPlane) project(m *ir.Mesh, s deliver.Scope) *ir.Snapshot {
	return project.Project(m, project.Node{
		Name: s.ID.String(), Role: project.RoleGateway, Pod: true, Gateways: []ir.GatewayName{ir.GatewayName(s.ID.Namespace + "/" + s.ID.Name)},
	})
}

// translated takes in a result before it is delivered.
func (c *controlPlane) translated(m *ir.Mesh, r *report.Report) {
	c.fleet.translated(m, r)
	c.workloads.want(m, r)
}
