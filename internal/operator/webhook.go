package operator

import (
	"context"
	"crypto/tls"
	"net"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"fsm/api/config/v1alpha3"
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
	s := &webhook.Server{
		Judges: map[schema.GroupKind]webhook.Judge{
			{Group: v1alpha3.GroupName, Kind: "MeshConfig"}: webhook.MeshConfig,
		},
		Certificate: certificate, Log: c.Log,
	}
	return s.Serve(ctx, c.Webhook.Listener)
}

// register has the API server ask, until the context ends.
func (c *controlPlane) register(ctx context.Context) {
	r := &webhook.Registration{Client: c.client, Name: c.Webhook.Registration, Bundle: c.ca.Bundle(), Log: c.Log}
	r.Run(ctx)
}
