package operator

import (
	"context"
	"crypto/tls"
	"net"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/config/v1alpha3"
	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/webhook"
)

// Webhook is where the API server asks about objects that are to be written.
type Webhook struct {
	// Listener is nil for no webhook.
	Listener net.Listener
	// Registration is the name of the ValidatingWebhookConfiguration that says so.
	Registration string
}

// judge answers the API server until the context ends.
func (c *controlPlane) judge(ctx context.Context, certificate func() (*tls.Certificate, error)) error {
	judges := map[schema.GroupKind]webhook.Judge{
		{Group: v1alpha3.GroupName, Kind: "MeshConfig"}:  webhook.MeshConfig,
		{Group: networkingv1.GroupName, Kind: "Ingress"}: webhook.Ingress(c.examine),
	}
	policies := webhook.Policies{Set: c.source.Set, Config: c.translation}
	for _, kind := range resource.Kinds() {
		if kind.Group == v1alpha1.GroupName {
			judges[schema.GroupKind{Group: kind.Group, Kind: kind.Name}] = policies.Judge
		}
	}
	s := &webhook.Server{Judges: judges, Certificate: certificate, Log: c.Log}
	return s.Serve(ctx, c.Webhook.Listener)
}

// examine says what would come of an Ingress: beside the classes, and what its namespace
// has besides. What it refers to may still come, so nothing is said about that.
func (c *controlPlane) examine(o *networkingv1.Ingress) (mistakes, warnings []string) {
	config := c.translation()
	if !config.Ingress.Enabled {
		return nil, nil
	}
	key := resource.Key{Group: networkingv1.GroupName, Kind: "Ingress", Namespace: o.Namespace, Name: o.Name}
	_, r := translate.Translate(resource.NewSet(c.around(o)), config)
	status := r.Ingresses[key]
	if status == nil {
		return nil, nil // somebody else's
	}
	if a := meta.FindStatusCondition(status.Conditions, string(gatewayv1.RouteConditionAccepted)); a != nil && a.Status == metav1.ConditionFalse {
		mistakes = append(mistakes, a.Message)
	}
	return mistakes, r.Warnings[key]
}

// around are an Ingress and what is looked at together with it.
func (c *controlPlane) around(o *networkingv1.Ingress) []resource.Object {
	set := c.source.Set()
	objects := []resource.Object{o}
	for _, class := range resource.List[*networkingv1.IngressClass](set) {
		objects = append(objects, class)
	}
	for _, other := range resource.List[*networkingv1.Ingress](set) {
		if other.Namespace == o.Namespace && other.Name != o.Name {
			objects = append(objects, other)
		}
	}
	for _, service := range resource.List[*corev1.Service](set) {
		if service.Namespace == o.Namespace {
			objects = append(objects, service)
		}
	}
	return objects
}

// register has the API server ask, until the context ends.
func (c *controlPlane) register(ctx context.Context) {
	r := &webhook.Registration{Client: c.client, Name: c.Webhook.Registration, Bundle: c.ca.Bundle(), Log: c.Log}
	r.Run(ctx)
}
