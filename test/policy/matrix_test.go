package policy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"fsm/internal/proxy/proxytest"
)

// place is something that a policy can be attached to, or a part of that.
type place struct {
	name, target string
	// part says which part, with CONFIG for what is to hold there. Elsewhere says it of
	// a part that the target does not have; it is empty where the part is the whole.
	part, elsewhere string
	speaks          protocol
	// ask makes a request that comes past the place.
	ask func(*world) reply
}

func toWeb(w *world) reply   { return w.get("/a") }
func toCalls(w *world) reply { return w.call() }

const (
	gateway   = "{group: gateway.networking.k8s.io, kind: Gateway, name: gw}"
	httpRoute = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}"
	grpcRoute = "{group: gateway.networking.k8s.io, kind: GRPCRoute, name: calls}"
	service   = "{group: '', kind: Service, name: web}"
)

var (
	routes = []place{
		{"HTTPRoute", httpRoute, "config: CONFIG", "", http1, toWeb},
		{"HTTPRoute hostname", httpRoute, "hostnames: [{hostname: foo.example.com, config: CONFIG}]", "hostnames: [{hostname: no.example.com, config: CONFIG}]", http1, toWeb},
		{"HTTPRoute match", httpRoute, "http: [{match: {path: {value: /a}}, config: CONFIG}]", "http: [{match: {path: {value: /none}}, config: CONFIG}]", http1, toWeb},
		{"GRPCRoute", grpcRoute, "config: CONFIG", "", http2, toCalls},
		{"GRPCRoute hostname", grpcRoute, "hostnames: [{hostname: calls.example.com, config: CONFIG}]", "hostnames: [{hostname: no.example.com, config: CONFIG}]", http2, toCalls},
		{"GRPCRoute match", grpcRoute, "grpc: [{match: {method: {service: test.Greeter}}, config: CONFIG}]", "grpc: [{match: {method: {service: test.Nobody}}, config: CONFIG}]", http2, toCalls},
	}
	services = []place{
		{"Service port", service, "ports: [{port: 8080, config: CONFIG}]", "ports: [{port: 8081, config: CONFIG}]", http1, toWeb},
		{"Service ports", service, "ports: [{port: 8080}], config: CONFIG", "ports: [{port: 8081}], config: CONFIG", http1, toWeb},
	}
)

// kind is a kind of policy.
type kind struct {
	name   string
	places []place
	// config acts, and other is that of a policy that takes precedence and does nothing
	// which could be taken for it.
	config, other string
	acts          func(*world, place) bool
}

var kinds = []kind{
	{"AccessControlPolicy", routes, "{blacklist: [127.0.0.1]}", "{blacklist: [192.0.2.1]}", reasoned("access_denied")},
	{"AccessControlPolicy", []place{
		{"Gateway port", gateway, "ports: [{port: 8000, config: CONFIG}]", "ports: [{port: 8001, config: CONFIG}]", http1, toWeb},
		{"Gateway ports", gateway, "ports: [{port: 8000}], config: CONFIG", "ports: [{port: 8001}], config: CONFIG", http1, toWeb},
	}, "{blacklist: [127.0.0.1]}", "{blacklist: [192.0.2.1]}", resets},
	{"RateLimitPolicy", routes, "{requests: 1, statTimeWindow: 1, backlog: 1, mode: Local}", "{requests: 100000, statTimeWindow: 1}", limits},
	{"RateLimitPolicy", []place{
		{"Gateway port", gateway, "ports: [{port: 8000, bps: CONFIG}]", "ports: [{port: 8001, bps: CONFIG}]", http1, toWeb},
		{"Gateway ports", gateway, "ports: [{port: 8000}], bps: CONFIG", "ports: [{port: 8001}], bps: CONFIG", http1, toWeb},
	}, "1000", "1000000000", throttles},
	{"FaultInjectionPolicy", routes, "{abort: {percent: 100, statusCode: 418}}", "{abort: {percent: 0, statusCode: 418}}", reasoned("fault_injected")},
	{"RetryPolicy", services, "{retryOn: [5xx], numRetries: 1, backoffBaseInterval: 0.001}", "{retryOn: ['409']}", repeats},
	{"SessionStickyPolicy", services, "{cookieName: mine}", "{cookieName: theirs}", func(w *world, p place) bool {
		return strings.HasPrefix(p.ask(w).cookie, "mine=")
	}},
	{"HealthCheckPolicy", services, "{interval: 1, maxFails: 1, path: /fail, matches: [{statusCodes: [200]}]}", "{interval: 3600, maxFails: 1}", checks},
	{"LoadBalancerPolicy", []place{
		{"Service port", service, "ports: [{port: 8080, CONFIG}]", "ports: [{port: 8081, CONFIG}]", http1, toWeb},
		{"Service ports", service, "ports: [{port: 8080}], CONFIG", "ports: [{port: 8081}], CONFIG", http1, toWeb},
	}, "type: HashingLoadBalancer, hashHeader: X-Key", "type: RoundRobinLoadBalancer", hashes},
	{
		"CircuitBreakingPolicy", services, "{minRequestAmount: 1, statTimeWindow: 3600, errorAmountThreshold: 1, degradedTimeWindow: 3600}",
		"{minRequestAmount: 1, statTimeWindow: 3600, errorAmountThreshold: 1000, degradedTimeWindow: 3600}", breaks,
	},
	{"UpstreamTLSPolicy", []place{
		{"Service port", service, "ports: [{port: 8080, config: CONFIG}]", "ports: [{port: 8081, config: CONFIG}]", overTLS, toWeb},
		{"Service ports", service, "ports: [{port: 8080}], config: CONFIG", "ports: [{port: 8081}], config: CONFIG", overTLS, toWeb},
	}, "{certificateRef: {name: ca-good}}", "{certificateRef: {name: ca-bad}}", func(w *world, p place) bool { return p.ask(w).status == http.StatusOK }},
	{"GatewayTLSPolicy", []place{
		{"Gateway port", gateway, "ports: [{port: 8443, config: CONFIG}]", "ports: [{port: 8001, config: CONFIG}]", http1, toSecure},
		{"Gateway ports", gateway, "ports: [{port: 8443}], config: CONFIG", "ports: [{port: 8001}], config: CONFIG", http1, toSecure},
	}, "{mTLS: true}", "{mTLS: false}", func(w *world, p place) bool {
		r := p.ask(w)
		return r.err != nil && strings.Contains(r.err.Error(), "certificate required")
	}},
}

// reasoned tells of a policy that answers for a reason.
func reasoned(reason string) func(*world, place) bool {
	return func(w *world, p place) bool { return p.ask(w).reason == reason }
}

// resets tells whether new connections are reset.
func resets(w *world, p place) bool {
	w.plain.CloseIdleConnections()
	return p.ask(w).err != nil
}

// limits tells whether one of several requests at a time is refused: one passes, and one
// waits for the next window.
func limits(w *world, p place) bool {
	reasons := make(chan string)
	for range 4 {
		go func() { reasons <- p.ask(w).reason }()
	}
	limited := false
	for range 4 {
		limited = <-reasons == "rate_limited" || limited
	}
	return limited
}

// throttles tells whether answers of 1000 bytes take a second. Whatever else the machine
// does, one of several is fast without a limit.
func throttles(w *world, p place) bool {
	for range 3 {
		if begun := time.Now(); p.ask(w).err == nil && time.Since(begun) < 700*time.Millisecond {
			return false
		}
	}
	return true
}

// repeats tells whether a client gets to see the failure of every other request.
func repeats(w *world, _ place) bool {
	w.flaky.Store(0)
	return w.get("/flaky").status == http.StatusOK
}

// checks tells whether endpoints are left out that are fine but for the check. Without
// it there would be nothing to wait for.
func checks(w *world, p place) bool {
	for _, b := range w.snapshot.Backends {
		if b.Health != nil && b.Health.Path == "/fail" {
			proxytest.Eventually(w.t, "all endpoints are left out", func() bool { return p.ask(w).reason == "no_healthy_endpoints" })
			return true
		}
	}
	proxytest.Eventually(w.t, "endpoints are back", func() bool { return p.ask(w).status == http.StatusOK })
	return false
}

// hashes tells whether what has the same key goes to the same endpoint.
func hashes(w *world, _ place) bool {
	endpoints := map[string]bool{}
	for range 4 {
		r := w.do(w.plain, "GET", "http://foo.example.com/", http.Header{"X-Key": {"k"}})
		endpoints[r.header.Get("X-Endpoint")] = true
	}
	return len(endpoints) == 1
}

// breaks tells whether nothing is let through after a failure.
func breaks(w *world, p place) bool {
	w.get("/fail")
	return p.ask(w).reason == "circuit_open"
}

func toSecure(w *world) reply {
	w.secure.CloseIdleConnections()
	return w.do(w.secure, "GET", "https://foo.example.com/a", nil)
}

// policy is one of the kind, older ones of which have smaller numbers.
func (k kind) policy(name string, age int, target, part, config string) string {
	return fmt.Sprintf("apiVersion: gateway.flomesh.io/v1alpha1\nkind: %s\nmetadata: {name: %s, creationTimestamp: '2026-01-%02dT00:00:00Z'}\nspec: {targetRef: %s, %s}\n",
		k.name, name, age, target, strings.ReplaceAll(part, "CONFIG", config))
}

// TestMatrix: what the condition of a policy says is what the traffic shows, for every
// kind at every place, and after each change.
func TestMatrix(t *testing.T) {
	for _, k := range kinds {
		for _, p := range k.places {
			t.Run(k.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, p.speaks)
				for _, s := range k.steps(p) {
					w.apply(s.policies...)
					if c := w.accepted[k.name+" mine"]; c.Reason != s.reason {
						t.Errorf("%s: condition %s/%s: %s, want reason %q", s.name, c.Status, c.Reason, c.Message, s.reason)
					}
					if acts := k.acts(w, p); acts != (s.reason == "Accepted") {
						t.Errorf("%s: acts=%v", s.name, acts)
					}
				}
			})
		}
	}
}

// step is a set of policies, and what should become of the one with the name mine.
type step struct {
	name, reason string
	policies     []string
}

// steps follow each other in one proxy.
func (k kind) steps(p place) []step {
	mine := func(target, part string) string { return k.policy("mine", 2, target, part, k.config) }
	valid := mine(p.target, p.part)
	older := k.policy("older", 1, p.target, p.part, k.other)
	far := strings.Replace(strings.Replace(valid, "name: mine", "name: mine, namespace: far", 1), "targetRef: {", "targetRef: {namespace: default, ", 1)
	list := []step{
		{"without", "", nil},
		{"valid", "Accepted", []string{valid}},
		{"deleted while in use", "", nil},
		{"beside an older one", "Conflicted", []string{valid, older}},
		{"after the older one is gone", "Accepted", []string{valid}},
		{"the older one comes late", "Conflicted", []string{valid, older}},
		{"target that is not there", "TargetNotFound", []string{mine(strings.NewReplacer("name: gw", "name: gone", "name: web", "name: gone", "name: calls", "name: gone").Replace(p.target), p.part)}},
		{"kind that is no target", "Invalid", []string{mine("{group: '', kind: ConfigMap, name: web}", p.part)}},
		{"from another namespace", "RefNotPermitted", []string{far}},
		{"from another namespace that is allowed", "Accepted", []string{far, grant}},
		{"grant withdrawn", "RefNotPermitted", []string{far}},
	}
	if p.elsewhere != "" {
		list = append(list, step{"part that is not there", "TargetNotFound", []string{mine(p.target, p.elsewhere)}})
	}
	return list
}

// grant lets every kind of policy of one namespace in.
var grant = func() string {
	var from []string
	for _, k := range kinds {
		from = append(from, "{group: gateway.flomesh.io, namespace: far, kind: "+k.name+"}")
	}
	return "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: far}\nspec: {from: [" +
		strings.Join(slices.Compact(from), ", ") + "], to: [{group: '', kind: Service}, {group: gateway.networking.k8s.io, kind: Gateway}, " +
		"{group: gateway.networking.k8s.io, kind: HTTPRoute}, {group: gateway.networking.k8s.io, kind: GRPCRoute}]}\n"
}()

// TestMissingSecret: what a policy is to protect fails while the policy cannot, and works
// once the Secret is there.
func TestMissingSecret(t *testing.T) {
	upstream := kind{name: "UpstreamTLSPolicy", config: "{certificateRef: {name: late}}"}
	t.Run("UpstreamTLSPolicy", func(t *testing.T) {
		w := newWorld(t, overTLS)
		policy := upstream.policy("mine", 1, service, "ports: [{port: 8080, config: CONFIG}]", upstream.config)
		expect := func(when, condition string, status int, reason string) {
			t.Helper()
			if c, r := w.accepted["UpstreamTLSPolicy mine"], w.get("/a"); c.Reason != condition || r.status != status || r.reason != reason {
				t.Errorf("%s: condition %s: %s, status %d, reason %q", when, c.Reason, c.Message, r.status, r.reason)
			}
		}
		w.apply(policy)
		expect("without Secret", "InvalidCertificateRef", 500, "backend_tls_invalid")
		w.apply(policy, w.secret("late", ""))
		expect("without authority", "InvalidCertificateRef", 500, "backend_tls_invalid")
		w.apply(policy, w.secret("late", w.authority.PEM))
		expect("with Secret", "Accepted", 200, "")
		w.apply(policy)
		expect("Secret is gone", "InvalidCertificateRef", 500, "backend_tls_invalid")
	})
	t.Run("GatewayTLSPolicy", func(t *testing.T) {
		w := newWorld(t, noBundle)
		w.apply()
		if r := toSecure(w); r.status != http.StatusOK {
			t.Fatalf("without policy: %+v", r)
		}
		mtls := kind{name: "GatewayTLSPolicy"}.policy("mine", 1, gateway, "ports: [{port: 8443, config: {mTLS: true}}]", "")
		w.apply(mtls)
		if c, r := w.accepted["GatewayTLSPolicy mine"], toSecure(w); c.Reason != "InvalidCertificateRef" || r.err == nil {
			t.Errorf("without authority: condition %s: %s, %+v", c.Reason, c.Message, r)
		}
		w.apply()
		if r := toSecure(w); r.status != http.StatusOK {
			t.Errorf("after the policy is gone: %+v", r)
		}
	})
}
