package conformance

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/yaml"
)

// Addresses for the test of static ones, which the suite replaces by those of its flags
// -usable-address and -unusable-address: one that the load balancer of the test
// cluster has and gives last, and one that it cannot have (RFC 5737).
const (
	usableAddress   = "172.30.200.250"
	unusableAddress = "192.0.2.1"
)

// TestConformance runs the whole suite. The suite's own flags say otherwise, such as
// -run-test for a single test; -report-output names the file for the report.
func TestConformance(t *testing.T) {
	if os.Getenv("KUBECONFIG") == "" {
		t.Skip("KUBECONFIG names no cluster; 'make conformance' makes one")
	}
	o := options(t)
	s, err := suite.NewConformanceTestSuite(o)
	if err != nil {
		t.Fatal("prepare the suite:", err)
	}
	t.Cleanup(func() { conclude(t, s, o) }) // parallel tests end after this function
	s.Setup(t, tests.ConformanceTests)
	if err := s.Run(t, tests.ConformanceTests); err != nil {
		t.Fatal("run the suite:", err)
	}
}

// options are those of the suite's flags, completed with what is the same each time.
// Features come from the status of the GatewayClass, and time-outs are the suite's.
func options(t *testing.T) suite.ConformanceOptions {
	o := conformance.DefaultOptions(t)
	if o.GatewayClassName == "gateway-conformance" { // the default of the flag
		o.GatewayClassName = "fsm-gateway-cls"
	}
	if o.ConformanceProfiles == nil {
		for _, p := range profiles {
			o.ConformanceProfiles = append(o.ConformanceProfiles, p.Name)
		}
	}
	o.UsableNetworkAddresses = addresses(o.UsableNetworkAddresses, usableAddress)
	o.UnusableNetworkAddresses = addresses(o.UnusableNetworkAddresses, unusableAddress)
	o.Implementation = confv1.Implementation{
		Organization: cmp.Or(o.Implementation.Organization, "fsm"),
		Project:      cmp.Or(o.Implementation.Project, "fsm"),
		URL:          cmp.Or(o.Implementation.URL, "https://fsm.example"),
		Version:      cmp.Or(o.Implementation.Version, "devel"),
		Contact:      o.Implementation.Contact,
	}
	if len(o.Implementation.Contact) == 0 {
		o.Implementation.Contact = []string{"https://fsm.example/contact"}
	}
	return o
}

// addresses are those that flags gave, or the one of the test cluster's.
func addresses(given []gatewayv1.GatewaySpecAddress, own string) []gatewayv1.GatewaySpecAddress {
	if given != nil {
		return given
	}
	return []gatewayv1.GatewaySpecAddress{{Type: new(gatewayv1.IPAddressType), Value: own}}
}

// conclude writes the report and compares it with what has to be in it.
func conclude(t *testing.T, s *suite.ConformanceTestSuite, o suite.ConformanceOptions) {
	report, err := s.Report()
	if err != nil {
		t.Error("make the report:", err)
		return
	}
	slices.SortFunc(report.ProfileReports, func(a, b confv1.ProfileReport) int { return strings.Compare(a.Name, b.Name) })
	text, err := yaml.Marshal(report)
	if err != nil {
		t.Error("encode the report:", err)
		return
	}
	t.Logf("report:\n%s", text)
	if o.ReportOutputPath != "" {
		if err := os.MkdirAll(filepath.Dir(o.ReportOutputPath), 0o755); err != nil {
			t.Error("make directory of the report:", err)
		}
		if err := os.WriteFile(o.ReportOutputPath, text, 0o644); err != nil {
			t.Error("write the report:", err)
		}
	}
	if o.RunTest != "" || len(o.SkipTests) > 0 {
		return // whoever asks for a part gets no whole
	}
	for _, p := range profiles {
		complete(t, p, report.ProfileReports)
	}
}

// complete checks that every test of a profile passed: none failed, and none was
// left out because a feature was not claimed. What it finds is printed, because
// nobody reads the log of tests that passed.
func complete(t *testing.T, p suite.ConformanceProfile, reports []confv1.ProfileReport) {
	core, extended := counted(p)
	i := slices.IndexFunc(reports, func(r confv1.ProfileReport) bool { return r.Name == string(p.Name) })
	if i < 0 {
		t.Errorf("%s: there is no report", p.Name)
		return
	}
	passed := [2]uint32{reports[i].Core.Passed}
	if e := reports[i].Extended; e != nil {
		passed[1] = e.Passed
	}
	summary := fmt.Sprintf("%s: %d of %d core tests and %d of %d extended ones passed", p.Name, passed[0], core, passed[1], extended)
	fmt.Println(summary)
	if int(passed[0]) != core || int(passed[1]) != extended {
		t.Error(summary)
	}
}
