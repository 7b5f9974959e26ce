package operator

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/controller"
	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/ir"
	"fsm/internal/leader"
	"fsm/internal/project"
	"fsm/internal/provision"
	"fsm/internal/servicelb"
	"fsm/internal/source/kube"
	"fsm/internal/status"
	"fsm/internal/translate/report"
)

// Options of a control plane.
type Options struct {
	Config *rest.Config
	// ControllerName of the GatewayClasses that are ours.
	ControllerName string
	// Namespace and Pod are those that the control plane runs in.
	Namespace, Pod string
	// Address is where other replicas reach the listener of this one; empty if there
	// are none.
	Address string
	// TrustDomain of the identities of proxies.
	TrustDomain string
	// Proxies are the settings of the proxies that Gateways get.
	Proxies provision.Settings
	// Features that GatewayClasses claim.
	Features []gatewayv1.FeatureName
	// SecretNamespaces are the only ones whose Secrets are read; nil is all.
	SecretNamespaces []string
	// IngressCertificate is the Secret that the installation gives the right to write the
	// certificate of ingresses to; without a name there is none.
	IngressCertificate types.NamespacedName
	// Debug, if it is set, is where /proxies lists those that are connected; Health
	// is where /healthz and /readyz answer, and Metrics where /metrics does.
	Debug, Health, Metrics net.Listener

	Webhook Webhook
	// ServiceLB has Services of type LoadBalancer served on nodes where no mesh
	// configuration says whether.
	ServiceLB bool
	// LogLevel is what the mesh configuration's is set to; may be nil.
	LogLevel *slog.LevelVar
	Log      *slog.Logger
}

// Name of the control plane: in its identity, of its Lease and its Service, and the
// audience of tokens that are for it.
const Name = "fsm-controller"

// controlPlane is a running one.
type controlPlane struct {
	Options
	configuration *configuration
	client        kubernetes.Interface
	metadata      metadata.Interface
	ca            *identity.CA
	sessionKey    ir.Private // what session cookies are made with
	source        *kube.Source
	server        *deliver.Server
	fleet         *fleet
	workloads     *workloads
	networks      *networks
	writer        *status.Writer
	candidate     *leader.Candidate
	relay         *relay
	balancers     *servicelb.Controller
	announcer     *announcer
	issuer        *issuer
	own           *identity.Renewer
	translations  prometheus.Histogram

	// started is set once everything was read, and delivered once something was
	// translated.
	started, delivered atomic.Bool
}

// Run runs a control plane that delivers on a listener, until the context ends.
func Run(ctx context.Context, o Options, ln net.Listener) error {
	c := &controlPlane{Options: o, translations: translations()}
	c.configuration = newConfiguration(&c.Options)
	if err := c.run(ctx, ln); ctx.Err() == nil {
		return err
	}
	return nil // what ended early was told to
}

func (c *controlPlane) run(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the wait, whatever the reason to leave
	c.serve(ctx, &wg, "health interface", c.Health, c.health())
	if err := c.begin(ctx, &wg); err != nil {
		return err
	}
	gate := gate{c, make(chan struct{}, 1)}
	networks, err := watchNetworks(ctx, c.client, gate.changed)
	if err != nil {
		return err
	}
	c.networks = networks
	loop := &controller.Loop{
		Sources: []controller.Source{gate}, Translator: &translator{c: c},
		Delivery: c.server, Translated: c.translated, Took: func(d time.Duration) { c.translations.Observe(d.Seconds()) },
	}
	c.serve(ctx, &wg, "debug interface", c.Debug, c.debug())
	c.serve(ctx, &wg, "metrics interface", c.Metrics, c.metrics())
	failed := make(chan error, 3)
	wg.Go(func() { gate.follow(ctx) })
	wg.Go(func() {
		if gate.opened(ctx) {
			loop.Run(ctx)
		}
	})
	wg.Go(func() { c.relay.run(ctx) })
	wg.Go(func() { failed <- c.server.Serve(ctx, ln) })
	wg.Go(func() { failed <- c.candidate.Run(ctx, c.lead) })
	if c.Webhook.Listener != nil {
		wg.Go(func() { failed <- c.judge(ctx, c.own.Certificate) })
	}
	c.started.Store(true)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// begin reads what there is and makes the parts.
func (c *controlPlane) begin(ctx context.Context, wg *sync.WaitGroup) (err error) {
	if err := c.open(ctx); err != nil {
		return err
	}
	if c.own, err = c.certificate(ctx, wg, c.ca); err != nil {
		return err
	}
	if err := c.assemble(c.own.Certificate); err != nil {
		return err
	}
	return c.workloads.watch(ctx)
}

// open reads what is in the cluster.
func (c *controlPlane) open(ctx context.Context) (err error) {
	if err := c.connect(); err != nil {
		return err
	}
	c.ca, err = identity.OpenCA(ctx, identity.CAConfig{TrustDomain: c.TrustDomain, Store: &secretStore{c.client, c.Namespace}})
	if err != nil {
		return err
	}
	key, err := c.ca.Derive("session cookies")
	if err != nil {
		return err
	}
	c.sessionKey = ir.Private(key)
	c.source, err = kube.Open(ctx, kube.Options{
		Config: c.Config, ControllerName: c.ControllerName, SecretNamespaces: c.SecretNamespaces, Referred: c.referred, Log: c.Log,
	})
	if err != nil {
		return err
	}
	c.configure()
	return nil
}

// assemble makes the parts that have to do with proxies, each knowing the others.
func (c *controlPlane) assemble(certificate func() (*tls.Certificate, error)) (err error) {
	c.fleet = newFleet()
	c.workloads = newWorkloads(c, c.ca.Bundle())
	c.issuer = newIssuer(c)
	c.announcer = &announcer{c: c, woken: make(chan struct{}, 1)}
	side := identity.Side{Certificate: certificate, Trust: identity.TrustBundle(c.ca.Bundle()), Accept: identity.In(c.TrustDomain)}
	c.server = deliver.NewServer(deliver.ServerConfig{
		Project: c.project, Answered: c.fleet.answered, Changed: c.fleet.connected, Peers: c.fleet,
		TLS: identity.ServerTLS(side), Authenticate: c.authenticate, Sign: c.ca.Sign, Log: c.Log,
	})
	c.writer, err = status.New(status.Options{
		Config: c.Config, ControllerName: c.ControllerName, Source: c.source, Features: c.Features, Proxies: c.proxies, Ingress: c.ingressAddresses, Log: c.Log,
	})
	if err != nil {
		return err
	}
	c.fleet.server, c.fleet.publish, c.fleet.wake = c.server, c.writer.Publish, c.writer.Wake
	c.candidate, err = leader.New(leader.Options{
		Config: c.Config, Namespace: c.Namespace, Name: Name, Identity: c.Pod, Address: c.Address, Log: c.Log,
	})
	if err != nil {
		return err
	}
	c.relay = newRelay(c, side)
	return nil
}

// Budget of requests about workloads and proxies, which come in bursts: many Gateways
// that are new, many proxies that begin at the same time.
const (
	requestRate  = 100
	requestBurst = 200
)

// connect makes the clients of the API server.
func (c *controlPlane) connect() (err error) {
	config := rest.CopyConfig(c.Config)
	config.QPS, config.Burst = requestRate, requestBurst
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make Kubernetes client: %w", err)
	}
	if c.metadata, err = metadata.NewForConfig(config); err != nil {
		return fmt.Errorf("make Kubernetes client of metadata: %w", err)
	}
	c.balancers = servicelb.New(servicelb.Options{Client: c.client, Settings: c.balancing, Pod: c.Pod, Log: c.Log})
	return nil
}

// lead is what the leader does.
func (c *controlPlane) lead(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.writer.Run(ctx) })
	wg.Go(func() { c.workloads.run(ctx) })
	wg.Go(func() { c.complain(ctx) })
	wg.Go(func() { c.announcer.run(ctx) })
	wg.Go(func() { c.issuer.run(ctx) })
	wg.Go(func() { c.balancers.Run(ctx) })
	if c.Webhook.Listener != nil {
		wg.Go(func() { c.register(ctx) })
	}
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

// project selects what the proxies of a Gateway need. Those of a Gateway without a
// class stay with what they have: who deletes the class, as uninstalling does, has not
// said that traffic is to end.
func (c *controlPlane) project(m *ir.Mesh, s deliver.Scope) *ir.Snapshot {
	if key, ok := gatewayOf(s.ID); ok && c.fleet.orphaned(m, key) {
		return nil
	}
	name := ir.GatewayName(s.ID.Namespace + "/" + s.ID.Name)
	if s.ID.Role == identity.Ingress {
		if name = ir.IngressGateway(s.ID.Namespace, s.ID.Name); m.Gateways[name] == nil {
			return nil // nobody has said that traffic is to end before the proxy does
		}
	}
	return project.Project(m, project.Node{
		Name: s.ID.String(), Role: project.RoleGateway, Pod: true, Gateways: []ir.GatewayName{name},
		Resolution: c.networks.restriction,
	})
}

// translated takes in a result before it is delivered.
func (c *controlPlane) translated(m *ir.Mesh, r *report.Report) {
	c.fleet.translated(m, r)
	c.workloads.want(m, r)
	c.announcer.want(r)
	c.networks.translated(c.source.Set())
	c.delivered.Store(true)
}
