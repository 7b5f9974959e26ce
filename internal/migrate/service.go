package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
)

// wish is what an Ingress asks of a backend. In the Gateway API that is a matter of the
// Service, for all who use it.
type wish struct {
	owner     resource.Key
	tls       *ir.BackendTLS
	balancing *ir.Balancing
	session   *ir.Session
	// retry is for calls; rules of an HTTPRoute have a field of their own, which beats
	// policies. retries tells whether there is one.
	retry   *ir.Retry
	retries bool
}

// use notes how an Ingress uses a backend.
func (c *converter) use(w wish, name ir.BackendName) {
	b, t := c.mesh.Backends[name], c.targetOf(name)
	if b.ConnectTimeout > 0 {
		c.add(Lost, w.owner, "proxy-connect-timeout: connections are given the time that they always are")
	}
	w.tls, w.balancing, w.session = b.TLS, b.Balancing, b.Session
	if w.retry != nil && (w.retry.Attempts == 0 || len(w.retry.Codes) == 0) {
		c.add(Lost, w.owner, "proxy-next-upstream: calls that got no answer are tried again as they always are, since a RetryPolicy is about statuses")
		w.retry = nil
	}
	if !slices.ContainsFunc(c.wishes[t], func(o wish) bool { return reflect.DeepEqual(o, w) }) {
		c.wishes[t] = append(c.wishes[t], w)
	}
}

// targets are all backends in use, those of a Service side by side.
func (c *converter) targets() []target {
	return slices.SortedFunc(maps.Keys(c.wishes), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.service, b.service), cmp.Compare(a.port, b.port))
	})
}

// agreed is what holds for a backend: the wish of the first Ingress that has one. what
// tells of a wish what it is, and whether it makes a difference to its Ingress.
func agreed[V any](c *converter, t target, kind string, what func(wish) (value *V, concerned bool)) (owner resource.Key, value *V) {
	for _, w := range c.wishes[t] {
		if v, _ := what(w); v != nil {
			owner, value = w.owner, v
			break
		}
	}
	if value == nil {
		return owner, nil
	}
	for _, w := range c.wishes[t] {
		switch v, concerned := what(w); {
		case !concerned:
		case v == nil:
			c.add(Differs, w.owner, "%s: the %s that %s asks for is for all who use it", t, kind, owner)
		case !reflect.DeepEqual(v, value):
			c.add(Lost, w.owner, "%s: the %s that %s asks for holds, since there can be one", t, kind, owner)
		}
	}
	return owner, value
}

// attachment is what a policy of a Service is made of.
type attachment struct {
	metav1.ObjectMeta
	target v1alpha1.TargetRef
}

// attach writes the policies of a kind: entry is what one says about a port, and write
// makes one of several ports of a Service.
func attach[E any](c *converter, entry func(target) (E, bool), write func(attachment, []E) resource.Object) {
	const mostPorts = 16
	byService := map[[2]string][]E{}
	var order [][2]string
	for _, t := range c.targets() {
		if e, ok := entry(t); ok {
			service := [2]string{t.namespace, t.service}
			if byService[service] == nil {
				order = append(order, service)
			}
			byService[service] = append(byService[service], e)
		}
	}
	for _, service := range order {
		for n, ports := range slices.Collect(slices.Chunk(byService[service], mostPorts)) {
			a := attachment{metav1.ObjectMeta{Namespace: service[0], Name: service[1]}, v1alpha1.TargetRef{Kind: "Service", Name: gatewayv1.ObjectName(service[1])}}
			if n > 0 {
				a.Name += fmt.Sprintf("-part-%02d", n+1)
			}
			c.attached = append(c.attached, write(a, ports))
		}
	}
}

// servicePolicies writes how endpoints are chosen and requests repeated.
func (c *converter) servicePolicies() {
	attach(c, c.balancer, func(a attachment, ports []v1alpha1.PortLoadBalancer) resource.Object {
		return &v1alpha1.LoadBalancerPolicy{ObjectMeta: a.ObjectMeta, Spec: v1alpha1.LoadBalancerPolicySpec{TargetRef: a.target, Ports: ports}}
	})
	attach(c, c.session, func(a attachment, ports []v1alpha1.PortSessionSticky) resource.Object {
		return &v1alpha1.SessionStickyPolicy{ObjectMeta: a.ObjectMeta, Spec: v1alpha1.SessionStickyPolicySpec{TargetRef: a.target, Ports: ports}}
	})
	attach(c, c.retry, func(a attachment, ports []v1alpha1.PortRetry) resource.Object {
		return &v1alpha1.RetryPolicy{ObjectMeta: a.ObjectMeta, Spec: v1alpha1.RetryPolicySpec{TargetRef: a.target, Ports: ports}}
	})
}

func (c *converter) balancer(t target) (port v1alpha1.PortLoadBalancer, ok bool) {
	_, b := agreed(c, t, "LoadBalancerPolicy", func(w wish) (*ir.Balancing, bool) { return w.balancing, true })
	if b == nil {
		return port, false
	}
	port.Port, port.Type = v1alpha1.Port(t.port), new(v1alpha1.LeastConnectionLoadBalancer)
	if b.Kind == ir.BalanceHash {
		port.Type = new(v1alpha1.HashingLoadBalancer)
	}
	if b.Header != "" {
		port.HashHeader = new(gatewayv1.HTTPHeaderName(b.Header))
	}
	return port, true
}

// day is how long a cookie lasts that has no end in an Ingress.
const day = 24 * 60 * 60

func (c *converter) session(t target) (port v1alpha1.PortSessionSticky, ok bool) {
	owner, s := agreed(c, t, "SessionStickyPolicy", func(w wish) (*ir.Session, bool) { return w.session, true })
	if s == nil {
		return port, false
	}
	var lost []string
	for _, a := range []struct {
		name string
		set  bool
	}{
		{"path", s.Path != "" && s.Path != "/"}, {"domain", s.Domain != ""}, {"samesite", s.SameSite != ""}, {"secure", s.Secure},
	} {
		if a.set {
			lost = append(lost, "session-cookie-"+a.name)
		}
	}
	if len(lost) > 0 {
		c.add(Lost, owner, "%s: the cookie of a SessionStickyPolicy is for the whole host, and marked as nothing but Secure with TLS", strings.Join(lost, ", "))
	}
	expires := int32(time.Duration(s.Lifetime) / time.Second)
	if expires == 0 {
		expires = day
		c.add(Differs, owner, "%s: the cookie lasts for a day, and not until the browser is closed", t)
	}
	port.Port, port.Config = v1alpha1.Port(t.port), &v1alpha1.SessionStickyConfig{CookieName: &s.Cookie, Expires: &expires}
	return port, true
}

func (c *converter) retry(t target) (port v1alpha1.PortRetry, ok bool) {
	owner, r := agreed(c, t, "RetryPolicy", func(w wish) (*ir.Retry, bool) { return w.retry, !w.retries })
	if r == nil {
		return port, false
	}
	c.add(Differs, owner, "%s: a RetryPolicy waits some milliseconds before it repeats a call", t)
	config := &v1alpha1.RetryConfig{NumRetries: new(int32(r.Attempts)), BackoffBaseInterval: new(0.001)} // the shortest there is
	for _, code := range r.Codes {
		config.RetryOn = append(config.RetryOn, fmt.Sprint(code))
	}
	port.Port, port.Config = v1alpha1.Port(t.port), config
	return port, true
}
