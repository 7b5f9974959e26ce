package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/proxy/proxytest"
)

// TestDumpForTools: the dump has the members under which tools of FSM look for
// ports, hosts, routes and weights.
func TestDumpForTools(t *testing.T) {
	c := start(t, false)
	exact := proxytest.To("/", "local/shop/cart:8080")
	exact.Match = ir.Match{
		Path: ir.PathMatch{Kind: ir.PathExact, Value: "/a.b"}, Method: "GET", Headers: []ir.ValueMatch{{Name: "version", Value: "1.0"}},
	}
	split := proxytest.To("/shop/", "local/shop/cart:8080", "dns/example.com:443")
	s := proxytest.HTTP([]*ir.Route{exact, split, proxytest.To("/", "local/shop/cart:8080")},
		map[string]string{"local/shop/cart:8080": "127.0.0.1:9", "dns/example.com:443": "127.0.0.1:9"})
	s.Listeners[0].Advertised = 8000
	c.proxy.MustApply(s)

	var got struct {
		Spec     map[string]any
		Inbound  map[string]map[string]map[string]any
		Snapshot ir.Snapshot
	}
	if err := json.Unmarshal([]byte(c.want(200, "GET /config_dump")), &got); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	cart := object{"shop/cart|8080": 1.0}
	table := got.Inbound["TrafficMatches"]["8000"]["HttpHostPort2Service"].(object)["*:8000"].(string)
	want := map[string]map[string]map[string]any{"TrafficMatches": {"8000": {
		"Port": 8000.0, "Protocol": "http", "SourceIPRanges": nil, "TargetClusters": nil, "AllowedEndpoints": nil,
		"HttpHostPort2Service": object{"*": table, "*:8000": table},
		"HttpServiceRouteRules": object{table: object{
			`/a\.b`:       object{"Headers": object{"version": `1\.0`}, "Methods": []any{"GET"}, "TargetClusters": cart, "AllowedServices": nil},
			`/shop(/.*)?`: object{"Headers": nil, "Methods": nil, "TargetClusters": object{"shop/cart|8080": 1.0, "dns/example.com:443": 1.0}, "AllowedServices": nil},
			".*":          object{"Headers": nil, "Methods": nil, "TargetClusters": cart, "AllowedServices": nil},
		}},
	}}}
	if diff := cmp.Diff(want, got.Inbound); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(object{"SidecarLogLevel": "info", "Traffic": object{"EnableEgress": false}}, got.Spec); diff != "" {
		t.Error(diff)
	}
	if got.Snapshot.Version != s.Version {
		t.Errorf("the snapshot is %q, want %q", got.Snapshot.Version, s.Version)
	}
	c.want(400, "GET /config_dump?format=xml")
	c.contains("/listeners", string(s.Listeners[0].Name)+"::")
}

// TestCerts: certificates are listed with their ends, without keys.
func TestCerts(t *testing.T) {
	c := start(t, false)
	c.want(503, "GET /certs")
	s := proxytest.HTTP(nil, nil)
	secret := proxytest.NewAuthority(t, "ca").Secret("default/cert", proxytest.Names{CommonName: "a.example"})
	s.Secrets[secret.Name] = secret
	c.proxy.MustApply(s)
	text := c.want(200, "GET /certs")
	var got []struct {
		Secret, Use, Subject, Issuer string
		NotAfter                     time.Time
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Secret != "default/cert" || got[0].Subject != "CN=a.example" || got[0].Issuer != "CN=ca" || got[0].NotAfter.Before(time.Now()) {
		t.Errorf("got %s", text)
	}
	if strings.Contains(text, "PRIVATE") {
		t.Error("the list contains a key")
	}
}
