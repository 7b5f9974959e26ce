package migrate

import (
	"errors"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/ingress"
	"fsm/internal/translate/report"
)

// Options say how the result is to look. The zero value is good.
type Options struct {
	// Classes of the Ingresses to convert; without any those of ingress-nginx, and
	// Ingresses without a class if its class is the default, or none is.
	Classes []string
	// Gateway is what the Gateway is called. Its namespace is by default the only one
	// that has Ingresses, or "default".
	Gateway types.NamespacedName
	// HTTP and HTTPS are the ports of the Gateway; 80 and 443 if 0.
	HTTP, HTTPS int32
}

// Result is what Ingresses come to.
type Result struct {
	// Objects of the Gateway API, in the order in which they are best read.
	Objects  []resource.Object
	Findings []Finding
}

// ErrNone is the error when there is nothing to convert.
var ErrNone = errors.New("there is no Ingress of ingress-nginx")

// Convert writes the Ingresses of a set as objects of the Gateway API.
func Convert(set *resource.Set, o Options) (*Result, error) {
	r := &Result{}
	for _, p := range set.Problems() {
		if p.Refused {
			r.add(Lost, p.Key, "%s: %s", p.Source, p.Message)
		}
	}
	s, err := selectFrom(set, o.Classes, r)
	if err != nil {
		return nil, err
	}
	if len(s.ingresses) == 0 {
		return r, ErrNone
	}
	selected := resource.NewSet(s.objects)
	mesh, rep := translate.Translate(selected, translate.Config{Standalone: true, Ingress: translate.Ingress{NGINX: true}})
	c := newConverter(r, o, s, mesh)
	c.report(rep)
	c.surprises()
	c.groupServers()
	c.routes()
	c.servicePolicies()
	c.backendPolicies()
	c.gateways()
	r.Objects = append(append(r.Objects, c.routed...), c.attached...)
	c.grants()
	if err := c.check(s); err != nil {
		return nil, err
	}
	r.sort()
	return r, nil
}

// converter is one conversion.
type converter struct {
	*Result
	options   Options
	ingresses []*networkingv1.Ingress
	original  *resource.Set // what was read, without stand-ins
	mesh      *ir.Mesh

	plain  *ir.GatewayListener
	secure []*ir.GatewayListener
	groups []*group
	// routed are routes, attached policies.
	routed, attached []resource.Object
	// wishes are what Ingresses ask of each backend, in order.
	wishes map[target][]wish
	limit  bodyLimit
	// certificate is what the Gateways show to backends.
	certificate ir.SecretName
	// granted are Secrets that are needed in other namespaces.
	granted map[grantee]map[types.NamespacedName]bool
}

func newConverter(r *Result, o Options, s *selection, mesh *ir.Mesh) *converter {
	c := &converter{
		Result: r, options: o, ingresses: s.ingresses, original: s.set, mesh: mesh,
		wishes: map[target][]wish{}, granted: map[grantee]map[types.NamespacedName]bool{},
	}
	c.options.Gateway = c.gatewayName()
	if o.HTTP == 0 {
		c.options.HTTP = 80
	}
	if o.HTTPS == 0 {
		c.options.HTTPS = 443
	}
	for _, g := range mesh.Gateways { // there is one
		for _, l := range g.Listeners {
			if l.Protocol == ir.ProtocolHTTP {
				c.plain = l
			} else {
				c.secure = append(c.secure, l)
			}
		}
	}
	return c
}

// namespaces of the Ingresses, sorted.
func (c *converter) namespaces() []string {
	found := map[string]bool{}
	for _, o := range c.ingresses {
		found[o.Namespace] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func (c *converter) gatewayName() types.NamespacedName {
	name := c.options.Gateway
	if name.Name == "" {
		name.Name = "ingress"
	}
	if namespaces := c.namespaces(); name.Namespace == "" && len(namespaces) == 1 {
		name.Namespace = namespaces[0]
	}
	if name.Namespace == "" {
		name.Namespace = "default"
	}
	return name
}

// report takes over what the translation has to say.
func (c *converter) report(rep *report.Report) {
	for _, o := range c.ingresses {
		key := resource.KeyOf(o)
		if status := rep.Ingresses[key]; status != nil {
			for _, condition := range status.Conditions {
				if condition.Status == metav1.ConditionFalse {
					c.add(Lost, key, "%s", condition.Message)
				}
			}
		}
		for _, warning := range rep.Warnings[key] {
			if warning != ingress.UnverifiedBackends {
				c.add(Lost, key, "%s", warning)
			}
		}
		for _, a := range ingress.Annotations() {
			if _, ok := o.Annotations[a.Name]; ok && a.Honoured && a.Note != "" {
				c.add(Differs, key, "annotation %s: %s", a.Name, a.Note)
			}
		}
	}
}

// surprises are what ingress-nginx does without being asked.
func (c *converter) surprises() {
	all := resource.Key{}
	c.add(Differs, all, "a body has any size unless proxy-body-size is there, where ingress-nginx has 1m")
	c.add(Differs, all, "a path that lacks the slash at its end is not redirected to the one that has it")
	c.add(Differs, all, "paths are compared as they came: slashes are not merged, and dot segments are refused with 400")
	byHost := map[string]resource.Key{}
	for _, o := range c.ingresses {
		if ingress.ReferencesOf(o).Regex {
			for _, rule := range o.Spec.Rules {
				byHost[rule.Host] = resource.KeyOf(o)
			}
		}
	}
	for _, o := range c.ingresses {
		for _, rule := range o.Spec.Rules {
			if other, ok := byHost[rule.Host]; ok && !ingress.ReferencesOf(o).Regex {
				c.add(Differs, resource.KeyOf(o), "%s has regular expressions for host %s, which in ingress-nginx makes expressions of these paths too", other, rule.Host)
			}
		}
	}
}
