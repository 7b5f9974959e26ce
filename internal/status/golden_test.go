package status_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/golden"
	"fsm/internal/resource"
	"fsm/internal/source/kube"
	"fsm/internal/translate/report"
)

// written are cases of the translation whose conditions must stand in the cluster
// word by word. There is one for each kind and each kind of trouble.
var written = []string{
	"gateway/hostname-conflict",
	"gateway/invalid-route-kinds-beside-good",
	"gateway/address-unsupported",
	"gateway/parameters-not-found",
	"gateway/without-routes",
	"httproute/backend-kind",
	"httproute/backend-not-found",
	"httproute/backend-partly-not-found",
	"httproute/hostname-not-on-listener",
	"httproute/kind-not-allowed",
	"httproute/other-namespace",
	"httproute/filter-partly-unsupported",
	"grpcroute/simple",
	"tls/https",
	"tls/passthrough",
	"tls/certificate-not-found",
	"tls/clients-insecure-fallback",
	"tcp-udp/tcp-weights",
	"tcp-udp/udp",
	"listenerset/routing",
	"listenerset/not-allowed-by-default",
	"backendtls/simple",
	"backendtls/authority-not-found",
	"grant/none",
}

func TestGoldenConditionsAreWritten(t *testing.T) {
	l := newLab(t)
	l.Check(l.Apply(l.Ctx, class("fsm-gateway-cls")))
	cases, err := golden.Load("../translate/testdata")
	l.Check(err)
	p, _ := l.start(settings{})
	found := 0
	for _, c := range cases {
		if !slices.Contains(written, c.Name) {
			continue
		}
		found++
		t.Run(c.Name, func(t *testing.T) {
			l := l.in(t)
			conditions, _ := c.Section("conditions")
			l.namespaces(c.Input)
			l.Lend(string(c.Input))
			want := onlyStatuses(conditions)
			var got string
			l.await(func() string {
				got = onlyStatuses(recorded(p.source).String())
				return cmp.Diff(want, got)
			})
		})
	}
	if found != len(written) {
		t.Errorf("found %d of %d cases", found, len(written))
	}
}

// namespaces makes those that the objects of a text are in.
func (l *lab) namespaces(text []byte) {
	l.T.Helper()
	objects, _ := resource.Decode("input.yaml", text)
	for _, o := range objects {
		if _, isNamespace := o.(*corev1.Namespace); !isNamespace && o.GetNamespace() != "" {
			l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+o.GetNamespace()+"}\n"))
		}
	}
}

// onlyStatuses leaves out what a cluster does not keep: warnings, and problems of
// files.
func onlyStatuses(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "  warning: ") && !strings.HasPrefix(line, "GatewayClass ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// recorded is what the cluster has, as a report.
func recorded(s *kube.Source) *report.Report {
	r := report.New(0)
	for _, kind := range resource.Kinds() {
		for _, key := range s.Keys(kind.Name) {
			found, ok := s.Recorded(key)
			if !ok {
				continue
			}
			switch status := found.Status.(type) {
			case *gatewayv1.GatewayStatus:
				// In the cluster, conditions keep the order in which they came.
				sorted := *status
				sorted.Conditions = slices.SortedFunc(slices.Values(status.Conditions), func(a, b metav1.Condition) int {
					return strings.Compare(a.Type, b.Type)
				})
				r.Gateways[key] = &sorted
			case *gatewayv1.ListenerSetStatus:
				r.ListenerSets[key] = status
			case *gatewayv1.PolicyStatus:
				r.Policies[key] = status
			case *gatewayv1.HTTPRouteStatus:
				r.Routes[key] = &status.RouteStatus
			case *gatewayv1.GRPCRouteStatus:
				r.Routes[key] = &status.RouteStatus
			case *gatewayv1.TLSRouteStatus:
				r.Routes[key] = &status.RouteStatus
			case *gatewayv1.TCPRouteStatus:
				r.Routes[key] = &status.RouteStatus
			case *gatewayv1.UDPRouteStatus:
				r.Routes[key] = &status.RouteStatus
			}
		}
	}
	return r
}
