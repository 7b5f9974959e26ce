package operator

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fsm/api/config/v1alpha3"
	"fsm/internal/identity"
	"fsm/internal/meshconfig"
	"fsm/internal/provision"
	"fsm/internal/resource"
	"fsm/internal/servicelb"
)

// configuration is the mesh configuration in force.
type configuration struct {
	// installed is what the control plane does without one.
	installed meshconfig.Config
	current   atomic.Pointer[inForce]

	mu sync.Mutex
	// seen is the object that was looked at last; nil for none.
	seen *v1alpha3.MeshConfig
	// mistaken has the last object if it was not taken over.
	mistaken chan mistaken
}

// inForce is a configuration, and the settings of proxies that it comes to: the same
// pointer as long as they are the same.
type inForce struct {
	meshconfig.Config
	proxies *provision.Settings
}

// mistaken is a mesh configuration that is not in force, and why.
type mistaken struct {
	object *v1alpha3.MeshConfig
	why    string
}

// newConfiguration has in force what the options say.
func newConfiguration(o *Options) *configuration {
	if o.LogLevel == nil {
		o.LogLevel = new(slog.LevelVar)
	}
	f := &configuration{mistaken: make(chan mistaken, 1), installed: meshconfig.Config{
		LogLevel: o.LogLevel.Level(), Gateways: true, LeafLifetime: identity.LeafLifetime,
		Proxies:   meshconfig.Proxies{Image: o.Proxies.Image, PullPolicy: o.Proxies.PullPolicy, LogLevel: slog.LevelInfo},
		ServiceLB: meshconfig.ServiceLB{Enabled: o.ServiceLB, Image: o.Proxies.Image},
	}}
	f.current.Store(&inForce{f.installed, &o.Proxies})
	return f
}

// configured is the configuration in force.
func (c *controlPlane) configured() *inForce { return c.configuration.current.Load() }

// serving says that there is something that the objects of the cluster are translated
// for.
func (c *inForce) serving() bool { return c.Gateways || c.Ingress.Enabled }

// meshConfig is the object; nil for none.
func (c *controlPlane) meshConfig() *v1alpha3.MeshConfig {
	object, _ := resource.Get[*v1alpha3.MeshConfig](c.source.Set(), c.Namespace, v1alpha3.Name)
	return object
}

// configure takes over the mesh configuration if it changed. One with a mistake is
// not taken over; the one before stays.
func (c *controlPlane) configure() {
	f := c.configuration
	f.mu.Lock()
	defer f.mu.Unlock()
	object := c.meshConfig()
	if object == f.seen {
		return
	}
	f.seen = object
	select {
	case <-f.mistaken: // not the last one any longer
	default:
	}
	next, mistakes := f.installed, field.ErrorList(nil)
	if object != nil {
		next, mistakes = f.installed.With(&object.Spec)
	}
	if len(mistakes) > 0 {
		why := mistakes.ToAggregate().Error()
		c.Log.Warn("mesh configuration not taken over, the one before stays", "error", why)
		f.mistaken <- mistaken{object, why}
		return
	}
	c.enforce(next)
}

// enforce puts a configuration in force.
func (c *controlPlane) enforce(next meshconfig.Config) {
	before := c.configured()
	if before.Config == next {
		return
	}
	settings := c.Proxies
	settings.Image, settings.PullPolicy = next.Proxies.Image, next.Proxies.PullPolicy
	settings.LogLevel = strings.ToLower(next.Proxies.LogLevel.String())
	settings.Collector, settings.SampledRatio = next.Proxies.Collector, next.Proxies.SampledRatio
	now := &inForce{next, before.proxies}
	if *before.proxies != settings {
		now.proxies = &settings
	}
	c.LogLevel.Set(next.LogLevel)
	c.ca.SetLeafLifetime(next.LeafLifetime)
	c.configuration.current.Store(now)
	c.balancers.Wake()
	if c.workloads != nil { // else it has not begun yet
		c.workloads.wake()
	}
	c.Log.Info("mesh configuration in force", "gateways", next.Gateways, "ingress", next.Ingress.Enabled, "service_lb", next.ServiceLB.Enabled, "log_level", next.LogLevel, "proxy_image", next.Proxies.Image,
		"proxy_log_level", next.Proxies.LogLevel, "collector", next.Proxies.Collector, "certificate_lifetime", next.LeafLifetime)
}

// balancing is what the configuration in force says about Services of type
// LoadBalancer.
func (c *controlPlane) balancing() servicelb.Settings {
	now := c.configured()
	return servicelb.Settings{Enabled: now.ServiceLB.Enabled, Image: now.ServiceLB.Image, PullPolicy: now.Proxies.PullPolicy}
}

// complain makes an event of each mesh configuration that is not taken over, until
// the context ends.
func (c *controlPlane) complain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-c.configuration.mistaken:
			if err := c.event(ctx, referenceTo(m.object), "InvalidConfiguration", "not taken over, the one before stays: "+m.why); err != nil && ctx.Err() == nil {
				c.Log.Error("event not written", "error", err)
			}
		}
	}
}

// referenceTo is what an event is about.
func referenceTo(o *v1alpha3.MeshConfig) corev1.ObjectReference {
	return corev1.ObjectReference{
		APIVersion: v1alpha3.GroupVersion.String(), Kind: "MeshConfig", Namespace: o.Namespace, Name: o.Name, UID: o.UID,
	}
}

// gate is the source of the loop: the objects of the cluster. While nothing is served
// the loop is told of no change, so that everything stays as it is.
type gate struct {
	c *controlPlane
	// changes has an element after there was a change to look at.
	changes chan struct{}
}

// Set implements controller.Source.
func (g gate) Set() *resource.Set { return g.c.source.Set() }

// Run implements controller.Source.
func (g gate) Run(ctx context.Context, changed func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.changes:
			changed()
		}
	}
}

// follow follows the objects until the context ends.
func (g gate) follow(ctx context.Context) {
	g.c.source.Run(ctx, func() {
		g.c.configure()
		g.c.issuer.wake() // of the Secret, or of what it is to be
		g.changed()
	})
}

// changed tells of a change, if anything is served.
func (g gate) changed() {
	if !g.c.configured().serving() {
		return
	}
	select {
	case g.changes <- struct{}{}:
	default:
	}
}

// opened waits until something is to be served. False means that the context ended.
func (g gate) opened(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-g.changes:
		return true
	}
}
