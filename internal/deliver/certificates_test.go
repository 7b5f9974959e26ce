package deliver_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

// TestCertificate: a proxy that has nothing but a token and the roots gets a
// certificate, and with it a stream.
func TestCertificate(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	authority := c.authority("token of web\n")
	r := identity.NewRenewer(identity.RenewerConfig{
		ID: gatewayID, Request: authority.Request,
		Failed: func(err error, _ time.Duration) { t.Error(err) },
	})
	background(t, r.Run)
	receive(t, "certificate", r.Ready())
	got, err := r.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := identity.IDOf(got.Leaf); err != nil || id != gatewayID {
		t.Errorf("it is for %v, %v", id, err)
	}
	status, err := c.post(t, "/v1/stream", identity.Side{Certificate: r.Certificate}, "{}\n", "")
	if err != nil || status != http.StatusBadRequest {
		t.Errorf("the stream begins with %d, %v", status, err)
	}
}

func (c *controller) authority(token string) deliver.Authority {
	return deliver.Authority{
		URL: c.url(),
		TLS: identity.ClientTLS(identity.Side{
			Trust: identity.TrustBundle(c.ca.Bundle()), Accept: identity.Has(trustDomain, identity.Controller),
		}),
		Token: func() (string, error) { return token, nil },
	}
}

// TestCertificateRefused: nobody gets a certificate for another name than the
// token's, a hundred times of a hundred.
func TestCertificateRefused(t *testing.T) {
	broken := errors.New("no API server")
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{
		Authenticate: func(ctx context.Context, token string) (identity.ID, error) {
			switch token {
			case "any":
				return identity.ID{}, broken
			case "controller":
				return controllerID, nil
			}
			return tokens(ctx, token)
		},
	})
	signing := func(id identity.ID) string {
		var request []byte
		r := identity.NewRenewer(identity.RenewerConfig{
			ID: id,
			Request: func(_ context.Context, asked []byte) ([]byte, error) {
				request = asked
				return c.ca.Sign(asked, id)
			},
			Failed: func(err error, _ time.Duration) { t.Error(err) },
		})
		stop := background(t, r.Run)
		<-r.Ready()
		stop()
		return string(request)
	}
	own := signing(gatewayID)
	tests := []struct {
		name, body, token string
		status            int
	}{
		{"as it should be", own, "Bearer token of web", http.StatusOK},
		{"no token", own, "", http.StatusUnauthorized},
		{"an empty token", own, "Bearer ", http.StatusUnauthorized},
		{"another scheme", own, "Basic token of web", http.StatusUnauthorized},
		{"a false token", own, "Bearer x", http.StatusUnauthorized},
		{"another's token", own, "Bearer token of bank", http.StatusForbidden},
		{"the controller's name", signing(controllerID), "Bearer token of web", http.StatusForbidden},
		{"the controller's token", signing(controllerID), "Bearer controller", http.StatusForbidden},
		{"no request", "", "Bearer token of web", http.StatusForbidden},
		{"a long request", strings.Repeat("x", identity.MaxRequest+1), "Bearer token of web", http.StatusBadRequest},
		{"nobody to ask about the token", own, "Bearer any", http.StatusServiceUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, err := c.post(t, "/v1/certificates", identity.Side{}, test.body, test.token)
			if err != nil || status != test.status {
				t.Errorf("status %d, %v; want %d", status, err, test.status)
			}
		})
	}
	for range 100 {
		if status, err := c.post(t, "/v1/certificates", identity.Side{}, own, "Bearer token of bank"); err != nil || status != http.StatusForbidden {
			t.Fatalf("status %d, %v", status, err)
		}
	}
}

// TestRefusalsAreCounted: of a proxy that asks again and again the log has one line,
// and the figures have all.
func TestRefusalsAreCounted(t *testing.T) {
	var text lines
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Log: slog.New(slog.NewTextHandler(&text, nil))})
	for range 20 {
		for _, token := range []string{"gone", "token of web"} {
			if status, err := c.post(t, "/v1/certificates", identity.Side{}, "no request", "Bearer "+token); err != nil || status == http.StatusOK {
				t.Fatalf("status %d, %v", status, err)
			}
		}
	}
	if n := text.with("token refused"); n != 1 {
		t.Errorf("the log has %d lines about the token", n)
	}
	if n := text.with("certificate refused"); n != 1 {
		t.Errorf("the log has %d lines about the request", n)
	}
	if f := &c.Figures.Certificates; f.Token.Load() != 20 || f.Request.Load() != 20 || f.Issued.Load() != 0 || f.Failed.Load() != 0 {
		t.Errorf("counted %d, %d, %d and %d", f.Token.Load(), f.Request.Load(), f.Issued.Load(), f.Failed.Load())
	}
}

// lines are those of a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) with(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// TestRequestProblems: the proxy's own log says what is wrong.
func TestRequestProblems(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	if _, err := c.authority("x").Request(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "401 Unauthorized: token is not valid") {
		t.Errorf("for a false token: %v", err)
	}
	unreadable := c.authority("")
	unreadable.Token = func() (string, error) { return "", errors.New("no such file") }
	if _, err := unreadable.Request(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without a token: %v", err)
	}
	foreign := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{}).authority("token of web")
	foreign.URL = c.url()
	if _, err := foreign.Request(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "verify peer") {
		t.Errorf("a controller of a foreign authority: %v", err)
	}
}
