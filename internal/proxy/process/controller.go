package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/proxy"
)

// Controller is where a proxy gets its snapshots from, and how the two know each
// other.
type Controller struct {
	// URL is https://HOST:PORT; empty for no controller.
	URL string
	// Identity is the proxy's own name. The controller has to find the same one in
	// the token.
	Identity string
	// TokenFile has the service-account token, TrustFile the roots of the
	// controller's certificate. Both are read again each time they are needed.
	TokenFile, TrustFile string
	// Node tells replicas apart for people; empty for the host name.
	Node string
	// StateDir keeps the last snapshot, private keys included, to start from when
	// the controller cannot be reached; empty for not keeping it.
	StateDir string
}

// Bind makes flags for the options.
func (c *Controller) Bind(f *pflag.FlagSet) {
	f.StringVar(&c.URL, "controller", c.URL, "controller to get snapshots from, https://HOST:PORT")
	f.StringVar(&c.Identity, "identity", c.Identity, "own name, spiffe://TRUST-DOMAIN/ns/NAMESPACE/ROLE/NAME")
	f.StringVar(&c.TokenFile, "token-file", c.TokenFile, "service-account token that proves the name")
	f.StringVar(&c.TrustFile, "trust-file", c.TrustFile, "roots, in PEM, of the controller's certificate")
	f.StringVar(&c.Node, "node", c.Node, "name of this replica; the host name if not given")
	f.StringVar(&c.StateDir, "state-dir", c.StateDir, "directory to keep the last snapshot in, with its private keys, and to start from")
}

// Feed checks the options and makes a feed of what the controller sends. The proxy
// goes on with what it has while there is no controller.
func (c Controller) Feed() (Feed, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" {
		return nil, fmt.Errorf("--controller %q: want https://HOST:PORT", c.URL)
	}
	id, err := identity.ParseID(c.Identity)
	if err != nil {
		return nil, fmt.Errorf("--identity: %w", err)
	}
	if c.TokenFile == "" || c.TrustFile == "" {
		return nil, errors.New("--controller needs --token-file and --trust-file")
	}
	if c.Node == "" {
		if c.Node, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("name this replica: %w; give --node", err)
		}
	}
	return func(ctx context.Context, p *proxy.Proxy) error { return c.feed(ctx, p, id) }, nil
}

func (c Controller) feed(ctx context.Context, p *proxy.Proxy, id identity.ID) error {
	log := p.Log().With("identity", id)
	renewer := c.renewer(id, log)
	var wg sync.WaitGroup
	defer wg.Wait()
	if c.StateDir != "" {
		s := state{dir: c.StateDir}
		if err := s.open(p); err != nil {
			return err
		}
		wg.Go(func() { s.keep(ctx, p) })
	}
	wg.Go(func() { renewer.Run(ctx) })
	select {
	case <-renewer.Ready():
	case <-ctx.Done():
		return nil
	}
	deliver.NewClient(deliver.ClientConfig{
		URL: c.URL, TLS: c.tls(id, renewer.Certificate), Node: c.Node, Interest: []string{"*"},
		Apply:     p.Apply,
		Rejected:  func(error) { p.Stats().Rejected.Add(1) },
		Connected: p.Stats().Controller().Connected.Store,
		Report:    func() deliver.Report { return report(p, renewer) },
		Log:       log,
	}).Run(ctx)
	return nil
}

func (c Controller) renewer(id identity.ID, log *slog.Logger) *identity.Renewer {
	authority := deliver.Authority{
		URL: c.URL, TLS: c.tls(id, nil),
		Token: func() (string, error) {
			token, err := os.ReadFile(c.TokenFile)
			return string(token), err
		},
	}
	return identity.NewRenewer(identity.RenewerConfig{
		ID: id, Request: authority.Request,
		Failed: func(err error, retry time.Duration) {
			log.Warn("no certificate from the controller", "error", err, "retry", retry)
		},
	})
}

// tls is for connections to the controller, which has to be one of the own trust
// domain.
func (c Controller) tls(id identity.ID, certificate func() (*tls.Certificate, error)) *tls.Config {
	return identity.ClientTLS(identity.Side{
		Certificate: certificate,
		Trust:       identity.TrustFile(c.TrustFile),
		Accept:      identity.Has(id.TrustDomain, identity.Controller),
	})
}

func report(p *proxy.Proxy, r *identity.Renewer) deliver.Report {
	figures := map[string]float64{}
	if c, err := r.Certificate(); err == nil {
		end := c.Leaf.NotAfter.Unix()
		figures[deliver.FigureCertificateEnd] = float64(end)
		p.Stats().Controller().CertificateEnd.Store(end)
	}
	return deliver.Report{Ready: p.Ready(), Connections: p.Sockets().Open(), Figures: figures}
}
