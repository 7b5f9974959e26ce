package conformance

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"

	"fsm/internal/translate/gatewayapi"
	"fsm/test/cluster"
)

// profiles are those that a gateway can have.
var profiles = []suite.ConformanceProfile{
	suite.GatewayHTTPConformanceProfile, suite.GatewayGRPCConformanceProfile, suite.GatewayTLSConformanceProfile,
	suite.GatewayTCPConformanceProfile, suite.GatewayUDPConformanceProfile,
}

// counted is how many tests of the suite belong to a profile: those all of whose
// features do. One that needs more than core features is an extended one.
func counted(p suite.ConformanceProfile) (core, extended int) {
	all := p.CoreFeatures.Union(p.ExtendedFeatures)
	for _, test := range tests.ConformanceTests {
		switch {
		case !all.HasAll(test.Features...):
		case p.CoreFeatures.HasAll(test.Features...):
			core++
		default:
			extended++
		}
	}
	return core, extended
}

// TestFeatures: GatewayClasses claim every feature that a test for gateways needs,
// and no other.
func TestFeatures(t *testing.T) {
	tested := map[gatewayv1.FeatureName]bool{}
	for _, test := range tests.ConformanceTests {
		if slices.Contains(test.Features, features.SupportMesh) {
			continue
		}
		for _, name := range test.Features {
			tested[gatewayv1.FeatureName(name)] = true
		}
	}
	var want []gatewayv1.FeatureName
	for name := range tested {
		want = append(want, name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, gatewayapi.Features()); diff != "" {
		t.Errorf("features (-tested +claimed):\n%s", diff)
	}
}

// TestCount: the suite is the one that is meant. The numbers are those of v1.7.0.
func TestCount(t *testing.T) {
	type numbers struct{ Core, Extended int }
	want := map[suite.ConformanceProfileName]numbers{
		"GATEWAY-HTTP": {40, 64}, "GATEWAY-GRPC": {17, 13}, "GATEWAY-TLS": {21, 18}, "GATEWAY-TCP": {20, 11}, "GATEWAY-UDP": {21, 11},
	}
	got := map[suite.ConformanceProfileName]numbers{}
	for _, p := range profiles {
		core, extended := counted(p)
		got[p.Name] = numbers{core, extended}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tests of the profiles (-want +got):\n%s", diff)
	}
}

// TestAddresses: the load balancer of the test cluster gives one of the addresses for
// the suite and not the other.
func TestAddresses(t *testing.T) {
	network := netip.MustParsePrefix(cluster.LoadBalancers)
	if !network.Contains(netip.MustParseAddr(usableAddress)) {
		t.Errorf("%s is not within %s", usableAddress, network)
	}
	if network.Contains(netip.MustParseAddr(unusableAddress)) {
		t.Errorf("%s is within %s", unusableAddress, network)
	}
}
