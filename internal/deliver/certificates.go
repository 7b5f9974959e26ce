package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"fsm/internal/identity"
)

// ErrToken is in the errors about tokens that prove nothing, as opposed to tokens
// that could not be looked at.
var ErrToken = errors.New("token is not valid")

const (
	// maxReviews of tokens are under way at once: anybody can send tokens.
	maxReviews = 32
	// reviewTimeout bounds one, the wait for its turn included.
	reviewTimeout = 20 * time.Second
)

// certificates answers signing requests.
func (s *Server) certificates(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
	defer cancel()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(reviewTimeout))
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		http.Error(w, "a service-account token is missing", http.StatusUnauthorized)
		return
	}
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, identity.MaxRequest))
	if err != nil {
		http.Error(w, fmt.Sprintf("read signing request: %v", err), http.StatusBadRequest)
		return
	}
	chain, refused := s.certify(ctx, token, request)
	if refused != nil {
		refused.count.Add(1)
		s.complain(r, refused)
		http.Error(w, refused.text, refused.status)
		return
	}
	s.Figures.Certificates.Issued.Add(1)
	w.Header().Set("Content-Type", "application/pem-certificate-chain")
	_, _ = w.Write(chain)
}

// refusedCertificate is why there is no certificate: for the proxy, and for the log.
type refusedCertificate struct {
	status int
	text   string

	level   slog.Level
	message string
	id      identity.ID
	err     error
	count   *atomic.Uint64
}

// certify signs a request if the token entitles to it.
func (s *Server) certify(ctx context.Context, token string, request []byte) (chain []byte, refused *refusedCertificate) {
	count := &s.Figures.Certificates
	id, err := s.review(ctx, token)
	switch {
	case errors.Is(err, ErrToken):
		return nil, &refusedCertificate{http.StatusUnauthorized, ErrToken.Error(), slog.LevelWarn, "token refused", id, err, &count.Token}
	case err != nil:
		const text = "the token could not be reviewed; try again"
		return nil, &refusedCertificate{http.StatusServiceUnavailable, text, slog.LevelError, "token not reviewed", id, err, &count.Failed}
	case id.Role == identity.Controller:
		const text = "certificates are for proxies"
		return nil, &refusedCertificate{http.StatusForbidden, text, slog.LevelError, "certificate refused", id, errors.New("the token is a controller's"), &count.Token}
	}
	chain, err = s.Sign(request, id)
	switch {
	case errors.Is(err, identity.ErrRefused):
		return nil, &refusedCertificate{http.StatusForbidden, err.Error(), slog.LevelWarn, "certificate refused", id, err, &count.Request}
	case err != nil:
		const text = "the certificate could not be signed"
		return nil, &refusedCertificate{http.StatusInternalServerError, text, slog.LevelError, "certificate not signed", id, err, &count.Failed}
	}
	return chain, nil
}

// complain logs a refusal, unless the same was said of the same client a moment ago.
func (s *Server) complain(r *http.Request, refused *refusedCertificate) {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !s.refusals.news(client+" "+refused.err.Error(), time.Now()) {
		return
	}
	log := s.Log.With("client", r.RemoteAddr)
	if refused.id != (identity.ID{}) {
		log = log.With("identity", refused.id)
	}
	log.Log(r.Context(), refused.level, refused.message, "error", refused.err)
}

// review finds out whose token it is, in turn.
func (s *Server) review(ctx context.Context, token string) (identity.ID, error) {
	select {
	case s.reviews <- struct{}{}:
		defer func() { <-s.reviews }()
	case <-ctx.Done():
		return identity.ID{}, fmt.Errorf("too many tokens to review: %w", ctx.Err())
	}
	return s.Authenticate(ctx, token)
}

// Authority is the controller, seen by a proxy that needs a certificate.
type Authority struct {
	// URL is the controller's, without a path.
	URL string
	// TLS is from [identity.ClientTLS] and shows no certificate.
	TLS *tls.Config
	// Token is asked for each request: tokens are short-lived.
	Token func() (string, error)
}

const (
	// certificateTimeout bounds a request for a certificate.
	certificateTimeout = 30 * time.Second
	maxChain           = 64 << 10
)

// Request brings a signing request to the controller; see [identity.Renewer].
func (a Authority) Request(ctx context.Context, request []byte) (chain []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, certificateTimeout)
	defer cancel()
	token, err := a.Token()
	if err != nil {
		return nil, fmt.Errorf("read service-account token: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+pathCertificates, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	r.Header.Set("Content-Type", "application/pkcs10")
	transport := newTransport(a.TLS)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", r.URL, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response)
	}
	if chain, err = io.ReadAll(io.LimitReader(response.Body, maxChain)); err != nil {
		return nil, fmt.Errorf("POST %s: %w", r.URL, err)
	}
	return chain, nil
}

// refusal is the error of a response that is not 200.
func refusal(r *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxText))
	return fmt.Errorf("%s %s: %s: %s", r.Request.Method, r.Request.URL, r.Status, strings.TrimSpace(string(text)))
}

// newTransport makes connections that nobody else uses, so that the certificate on
// them is the one that is current.
func newTransport(c *tls.Config) *http.Transport {
	t := &http.Transport{
		TLSClientConfig: c, TLSHandshakeTimeout: headerTimeout, Protocols: new(http.Protocols),
	}
	t.Protocols.SetHTTP2(true)
	return t
}
