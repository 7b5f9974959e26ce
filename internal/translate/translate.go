package translate

import (
	"fsm/internal/ir"
	"fsm/internal/meshconfig"
	"fsm/internal/resource"
	"fsm/internal/translate/access"
	"fsm/internal/translate/core"
	"fsm/internal/translate/gatewayapi"
	"fsm/internal/translate/ingress"
	"fsm/internal/translate/istio"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// Config is what a translation depends on besides the objects.
type Config = core.Config

// InCluster is the config for the objects of a cluster; see [core.InCluster].
func InCluster(controllerName string) Config { return core.InCluster(controllerName) }

// DNS restricts the names that users may send traffic to; see [core.DNS].
type DNS = core.DNS

// Ingress is how Ingresses are served; see [core.Ingress].
type Ingress = core.Ingress

// IngressPort is a port of the proxy of Ingresses; see [core.IngressPort].
type IngressPort = core.IngressPort

// IngressOf is what a mesh configuration of a namespace says about how Ingresses are
// served.
func IngressOf(config meshconfig.Config, namespace string) Ingress {
	c := config.Ingress
	return Ingress{
		Enabled: c.Enabled, Namespaced: c.Namespaced, Namespace: namespace, Passthrough: c.Passthrough, PassthroughPort: c.PassthroughPort,
		HTTP:        IngressPort{Enabled: c.HTTP.Enabled, Port: c.HTTP.Port, Bind: c.HTTP.Bind},
		TLS:         IngressPort{Enabled: c.TLS.Enabled, Port: c.TLS.Port, Bind: c.TLS.Bind},
		Certificate: config.IngressCertificate.Secret,
	}
}

// Translate returns what the objects of a set mean, and what there is to say
// about each of them.
func Translate(set *resource.Set, config Config) (*ir.Mesh, *report.Report) {
	return New(config).Translate(set)
}

// Translator translates one set after another and reuses, for each object, what
// it made of it before, while everything that it looked up is the same. The
// results are those of [Translate]; unchanged resources are the same pointers.
// A Translator must not be used by two goroutines at once.
type Translator struct {
	src *core.Source
	// frontends, one for each input language, in the order in which they add to
	// the results. None depends on what another one added.
	frontends []frontend
	policies  *policy.Index
	last      sizes
}

// frontend is one input language.
type frontend interface {
	Translate(*ir.Mesh, *report.Report)
}

// New returns a Translator that remembers nothing yet.
func New(config Config) *Translator {
	config = config.Resolve()
	src := core.NewSource(config)
	policies := policy.NewIndex(src)
	return &Translator{
		src: src, policies: policies,
		frontends: []frontend{
			gatewayapi.New(config, src, policies),
			ingress.New(config, src, policies),
			istio.New(config, src, policies),
			access.New(config, src),
		},
	}
}

// Translate is [Translate] with a memory.
func (t *Translator) Translate(set *resource.Set) (*ir.Mesh, *report.Report) {
	t.src.Load(set)
	mesh, rep := t.last.mesh(), report.New(t.last.routes)
	rep.Problems = set.Problems()
	for _, f := range t.frontends {
		f.Translate(mesh, rep)
	}
	t.policies.ReportPorts(rep)
	t.policies.ReportUnused(mesh, rep)
	t.last = sizes{routes: len(rep.Routes), tables: len(mesh.Tables), backends: len(mesh.Backends), endpoints: len(mesh.Endpoints)}
	return mesh, rep
}

// sizes of a result tell how much room the next one will need. When little has
// changed, growing maps step by step would be a third of the work.
type sizes struct{ routes, tables, backends, endpoints int }

func (s sizes) mesh() *ir.Mesh {
	m := ir.NewMesh()
	m.Tables = make(map[ir.TableName]*ir.RouteTable, s.tables)
	m.Backends = make(map[ir.BackendName]*ir.Backend, s.backends)
	m.Endpoints = make(map[ir.EndpointsName]*ir.Endpoints, s.endpoints)
	return m
}
