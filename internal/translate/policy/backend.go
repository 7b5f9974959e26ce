package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// Use is how a route uses a backend, as far as the backend differs by it.
type Use struct {
	Traffic Traffic
	// Gateway and Certificate identify the proxy to backends that ask.
	Gateway     ir.GatewayName
	Certificate ir.SecretName
	// Upstream is what the object itself says about its backends.
	Upstream Upstream
}

// Traffic is what a route sends.
type Traffic int

// Kinds of traffic.
const (
	// HTTP requests, in the version that the backend speaks.
	HTTP Traffic = iota
	// GRPC needs HTTP/2.
	GRPC
	// Decrypted bytes were taken out of TLS by the proxy.
	Decrypted
	// Raw bytes are passed on as they came, and may be TLS already. TLS policies
	// are for what the proxy itself says to a backend and do not apply.
	Raw
)

// FailureStatus answers requests that cannot be sent to any backend: 500, and
// for gRPC the status that its clients read as UNAVAILABLE.
func (u Use) FailureStatus() uint16 {
	if u.Traffic == GRPC {
		return 503
	}
	return 500
}

// Backend is a backend with everything that policies have to say about it.
type Backend struct {
	*ir.Backend
	// Secrets are the authorities; the certificate of the use is not among them.
	Secrets []*ir.Secret
	// Err says why no request can be sent to the backend.
	Err *core.RefError
	// Warning is for the Service.
	Warning string
}

// Slot is where a backend and its endpoints are found, run after run. The
// endpoints may change without the backend.
type Slot = memo.Value[backendKey, Served]

// Served is a backend with its endpoints.
type Served struct {
	*Backend
	Endpoints *core.Endpoints
}

// AddTo adds a backend to a mesh, with all it needs. What is to be said about it is
// said once, and about its Service.
func (s Served) AddTo(mesh *ir.Mesh, r *report.Report, service resource.Key) {
	if mesh.Backends[s.Name] == s.Backend.Backend {
		return
	}
	mesh.Backends[s.Name] = s.Backend.Backend
	mesh.Endpoints[s.Endpoints.Name] = s.Endpoints.Endpoints
	for _, secret := range s.Secrets {
		mesh.Secrets[secret.Name] = secret
	}
	for _, message := range append([]string{s.Warning}, s.Endpoints.Warnings...) {
		r.WarnOnce(service, message)
	}
}

type backendKey struct {
	destination core.Destination
	use         Use
}

// State is what a route depends on in a backend. Other changes of the backend do
// not make the route anew.
type State struct {
	Name ir.BackendName
	// Err is set if Failed.
	Failed bool
	Err    core.RefError
}

// ForBackend returns the backend at a destination. Its name is that of the
// destination, followed by what the use adds: "+h2" for HTTP/2 where the Service
// does not ask for it itself, "+raw" past a TLS policy, "@namespace/gateway" with
// a client certificate.
func (x *Index) ForBackend(r *memo.Recorder, d core.Destination, use Use) (*Slot, State) {
	key := backendKey{d, use}
	return x.served.At(key), x.states.Read(r, key)
}

func (x *Index) serve(r *memo.Recorder, key backendKey) Served {
	return Served{x.backends.Read(r, key), x.src.Endpoints(r, key.destination.Address)}
}

func (x *Index) state(r *memo.Recorder, key backendKey) State {
	b := x.backends.Read(r, key)
	if b.Err != nil {
		return State{Name: b.Name, Failed: true, Err: *b.Err}
	}
	return State{Name: b.Name}
}

func (x *Index) makeBackend(r *memo.Recorder, key backendKey) *Backend {
	d, use := key.destination, key.use
	policy := x.winner(r, d.Service, d.PortName)
	b := &Backend{
		Backend: &ir.Backend{Name: d.Backend, Origin: d.Origin, Endpoints: d.Endpoints},
	}
	b.apply(use.Upstream)
	service, port := named(serviceKind, d.Service), portPlace(int32(d.ServicePort))
	if d.Import != (types.NamespacedName{}) {
		service = named(importKind, d.Import)
	}
	own, tls, secured := x.services.tls.winner(r, service, port)
	b.Secrets = x.settle(r, b.Backend, service, port)
	switch {
	case policy == nil && !secured:
		b.secureUpstream(use)
	case use.Traffic == Raw:
		b.Name += "+raw"
		b.Health = b.Health.Connects()
	case policy != nil:
		b.secure(x.backendTLSOf(r, policy), "BackendTLSPolicy "+policy.Namespace+"/"+policy.Name, use)
	default:
		by := origin(upstreamTLSKind, own, whole)
		b.Policies = append(b.Policies, by)
		b.secure(x.upstreamTLS(r, own, tls.setting), by.String(), use)
	}
	if use.Traffic == HTTP || use.Traffic == GRPC {
		b.speak(d, use)
	}
	if b.Err != nil {
		b.Failure = &ir.Respond{Status: use.FailureStatus(), Reason: b.Err.Reply, Message: b.Err.Message}
	}
	return b
}

// secure adds TLS to the backend.
func (b *Backend) secure(settings *backendTLS, policy string, use Use) {
	if settings.tls == nil {
		b.Err = &core.RefError{
			Reason: report.ReasonInvalidBackendTLS, Reply: core.ReasonBackendTLSInvalid,
			Message: policy + ": " + settings.problem,
		}
		return
	}
	tls := *settings.tls
	b.Secrets = append(b.Secrets, settings.secrets...)
	// What is said about the Service beats what is said about the gateway (Gateway API,
	// GatewayBackendTLS.clientCertificateRef).
	if use.Certificate != "" && tls.Certificate == "" {
		b.Name += ir.BackendName("@" + use.Gateway)
		tls.Certificate = use.Certificate
	}
	b.TLS = &tls
}

// speak chooses the protocol by the appProtocol of the Service port (KEP-3726)
// and by the kind of route. A port without one is taken at the route's word.
func (b *Backend) speak(d core.Destination, use Use) {
	asksHTTP2 := false
	switch strings.ToLower(d.AppProtocol) {
	case "kubernetes.io/h2c", "grpc":
		asksHTTP2 = true
	case "kubernetes.io/ws":
		b.Protocol = ir.BackendWebSocket
	case "kubernetes.io/wss":
		b.Protocol = ir.BackendWebSocket
		if b.TLS == nil && b.Err == nil {
			b.Err = &core.RefError{
				Reason: gatewayv1.RouteReasonUnsupportedProtocol, Reply: core.ReasonBackendProtocol,
				Message: fmt.Sprintf("Service %s port %d: appProtocol %q needs a BackendTLSPolicy", d.Service, d.Port, d.AppProtocol),
			}
		}
	case "https":
		if b.TLS == nil && b.Err == nil {
			b.Warning = fmt.Sprintf("port %d: appProtocol is %q but no BackendTLSPolicy targets the Service, so requests go out without TLS", d.Port, d.AppProtocol)
		}
	}
	if !asksHTTP2 && use.Traffic != GRPC {
		return
	}
	if !asksHTTP2 {
		b.Name += "+h2"
	}
	b.Protocol = ir.BackendH2C
	if b.TLS != nil {
		b.Protocol = ir.BackendHTTP2
	}
}
