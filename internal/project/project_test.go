package project_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/project"
)

// gateway makes a Gateway with one HTTP listener on port 80, whose only route
// goes to a backend of its own.
func gateway(mesh *ir.Mesh, name string, created time.Time, addresses ...string) *ir.Gateway {
	origin := ir.Origin{Kind: "Gateway", Namespace: "default", Name: name, Part: "listener http"}
	table := ir.TableName("default/" + name + "/http/*")
	backend := ir.BackendName("local/default/" + name + ":80")
	endpoints := ir.EndpointsName(backend)
	g := &ir.Gateway{
		Name: ir.GatewayName("default/" + name), Origin: origin.Object(), Created: created, Addresses: addresses,
		Listeners: []*ir.GatewayListener{{
			Name: "http", Origin: origin, Port: 80, Protocol: ir.ProtocolHTTP, Hosts: []ir.Host{{Table: table}},
		}},
	}
	mesh.Gateways[g.Name] = g
	mesh.Endpoints[endpoints] = &ir.Endpoints{Name: endpoints, Items: []ir.Endpoint{{Address: "10.0.0.1", Port: 80}}}
	mesh.Backends[backend] = &ir.Backend{Name: backend, Endpoints: endpoints}
	mesh.Tables[table] = &ir.RouteTable{Name: table, Routes: []*ir.Route{{
		Action: &ir.Forward{Destinations: []ir.Destination{{Backend: backend, Weight: 1}}},
	}}}
	return g
}

func names(s *ir.Snapshot) (listeners []string, conflicts []string) {
	for _, l := range s.Listeners {
		listeners = append(listeners, string(l.Name)+" "+l.Origins[0].Name)
	}
	for _, c := range s.Conflicts {
		conflicts = append(conflicts, c.Resource+" "+c.Origins[0].Name+" "+c.Reason)
	}
	return listeners, conflicts
}

func TestSocketsGoToTheOldestGateway(t *testing.T) {
	then := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name                 string
		node                 project.Node
		a, b                 []string // addresses
		listeners, conflicts []string
	}{
		{"same socket", project.Node{}, nil, nil, []string{"tcp/:80 b"}, []string{"tcp/:80 a PortUnavailable"}},
		{"addresses of their own", project.Node{}, []string{"127.0.0.1"}, []string{"127.0.0.2"}, []string{"tcp/127.0.0.1:80 a", "tcp/127.0.0.2:80 b"}, nil},
		{"all addresses and one", project.Node{}, []string{"127.0.0.1"}, nil, []string{"tcp/:80 b"}, []string{"tcp/127.0.0.1:80 a PortUnavailable"}},
		{"unspecified address and one", project.Node{}, []string{"127.0.0.1"}, []string{"0.0.0.0"}, []string{"tcp/0.0.0.0:80 b"}, []string{"tcp/127.0.0.1:80 a PortUnavailable"}},
		{"one address in common", project.Node{}, []string{"127.0.0.1", "127.0.0.2"}, []string{"127.0.0.2", "::1"},
			[]string{"tcp/127.0.0.1:80 a", "tcp/127.0.0.2:80 b", "tcp/[::1]:80 b"}, []string{"tcp/127.0.0.2:80 a PortUnavailable"}},
		{"the node's own address", project.Node{Bind: []string{"127.0.0.9"}}, []string{"127.0.0.1"}, nil, []string{"tcp/127.0.0.1:80 a", "tcp/127.0.0.9:80 b"}, nil},
		{"one Gateway only", project.Node{Gateways: []ir.GatewayName{"default/a"}}, nil, nil, []string{"tcp/:80 a"}, nil},
		{"no Gateway", project.Node{Gateways: []ir.GatewayName{}}, nil, nil, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			mesh := ir.NewMesh()
			gateway(mesh, "a", then.Add(time.Hour), test.a...)
			gateway(mesh, "b", then, test.b...)
			test.node.Role = project.RoleGateway
			listeners, conflicts := names(project.Project(mesh, test.node))
			if diff := cmp.Diff(test.listeners, listeners); diff != "" {
				t.Errorf("listeners (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.conflicts, conflicts); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPortsOfTheirOwn: a listener that says where it listens has its name from
// there, so that it may stand beside one whose clients use the same port.
func TestPortsOfTheirOwn(t *testing.T) {
	mesh := ir.NewMesh()
	gateway(mesh, "a", time.Time{})
	gateway(mesh, "b", time.Time{})
	mesh.Gateways["default/b"].Listeners[0].Bind = 8000
	for _, node := range []project.Node{{Role: project.RoleGateway}, {Role: project.RoleGateway, Pod: true}} {
		s := project.Project(mesh, node)
		if err := s.Check(); err != nil || len(s.Conflicts) != 0 || len(s.Listeners) != 2 {
			t.Fatalf("got %d listeners, conflicts %v, %v", len(s.Listeners), s.Conflicts, err)
		}
		for _, l := range s.Listeners {
			if b := l.Port == 8000; b != (l.Name == "tcp/:8000") || l.AdvertisedPort() != 80 {
				t.Errorf("%s listens on %d as %d", l.Name, l.Port, l.AdvertisedPort())
			}
		}
	}
	mesh.Gateways["default/a"].Listeners[0].Port = 8000
	if s := project.Project(mesh, project.Node{Role: project.RoleGateway}); len(s.Conflicts) != 1 {
		t.Errorf("conflicts are %v, want one", s.Conflicts)
	}
}

func TestSnapshotHoldsWhatCanBeReached(t *testing.T) {
	mesh := ir.NewMesh()
	gateway(mesh, "a", time.Time{})
	gateway(mesh, "b", time.Time{})
	mirrored := &ir.Backend{Name: "mirrored", Endpoints: "mirrored", TLS: &ir.BackendTLS{Authorities: []ir.SecretName{"ca"}, Certificate: "cert"}, Session: &ir.Session{Key: "session"}}
	mesh.Backends["mirrored"] = mirrored
	mesh.Endpoints["mirrored"] = &ir.Endpoints{Name: "mirrored"}
	for _, name := range []ir.SecretName{"ca", "cert", "session", "other"} {
		mesh.Secrets[name] = &ir.Secret{Name: name}
	}
	route := mesh.Tables["default/a/http/*"].Routes[0]
	route.Filters = ir.Filters{&ir.Mirror{Backend: "mirrored", Numerator: 1, Denominator: 1}}

	s := project.Project(mesh, project.Node{Role: project.RoleGateway, Gateways: []ir.GatewayName{"default/a"}})
	if len(s.Tables) != 1 || s.Tables["default/a/http/*"] != mesh.Tables["default/a/http/*"] {
		t.Errorf("tables are %v, want the mesh's own of Gateway a", s.Tables)
	}
	if len(s.Backends) != 2 || s.Backends["mirrored"] != mirrored || s.Backends["local/default/a:80"] == nil {
		t.Errorf("backends are %v", s.Backends)
	}
	if len(s.Endpoints) != 2 || len(s.Secrets) != 3 || s.Secrets["other"] != nil {
		t.Errorf("endpoints are %v, secrets %v", s.Endpoints, s.Secrets)
	}
	if s.Version == "" {
		t.Error("the snapshot is not sealed")
	}
}

// Connections stay with the chain of the same name, so names must not depend on
// routes.
func TestChainNamesAreStable(t *testing.T) {
	mesh := ir.NewMesh()
	g := gateway(mesh, "a", time.Time{})
	tls := &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}}
	relay := func(serverName, route string) *ir.RelayRoute {
		return &ir.RelayRoute{ServerName: serverName, Origin: ir.Origin{Kind: "TLSRoute", Name: route}}
	}
	pass := &ir.GatewayListener{Name: "pass", Port: 443, Protocol: ir.ProtocolTLS, Relays: []*ir.RelayRoute{relay("b.example.com", "one")}}
	g.Listeners = append(g.Listeners,
		&ir.GatewayListener{Name: "https", Port: 443, Protocol: ir.ProtocolHTTPS, Hostname: "a.example.com", TLS: tls},
		pass,
		&ir.GatewayListener{Name: "tcp", Port: 9000, Protocol: ir.ProtocolTCP, Relays: []*ir.RelayRoute{relay("", "one")}},
		&ir.GatewayListener{Name: "udp", Port: 9000, Protocol: ir.ProtocolUDP, Relays: []*ir.RelayRoute{relay("", "one")}},
	)
	chains := func() (names []string) {
		for _, l := range project.Project(mesh, project.Node{Role: project.RoleGateway}).Listeners {
			for _, c := range l.Chains {
				names = append(names, string(l.Name)+" "+c.Name)
			}
		}
		return names
	}
	want := []string{"tcp/:80 http", "tcp/:443 https/a.example.com", "tcp/:443 tls/b.example.com", "tcp/:9000 tcp", "udp/:9000 udp"}
	if diff := cmp.Diff(want, chains()); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	g.Listeners[0].Hosts = nil
	pass.Relays = []*ir.RelayRoute{relay("b.example.com", "two"), relay("c.example.com", "two")}
	want = slices.Insert(want, 3, "tcp/:443 tls/c.example.com")
	if diff := cmp.Diff(want, chains()); diff != "" {
		t.Errorf("after routes changed (-want +got):\n%s", diff)
	}
}

// TestPod: a proxy in a pod listens where it may, whatever address its Gateway
// asks for, and clients see the ports that they use.
func TestPod(t *testing.T) {
	mesh := ir.NewMesh()
	g := gateway(mesh, "a", time.Time{}, "192.0.2.1")
	for _, port := range []uint16{8080, 60080, 15000, 15021} { // the second is where 80 is, the last two are the pod's own
		l := *g.Listeners[0]
		l.Port = port
		g.Listeners = append(g.Listeners, &l)
	}
	s := project.Project(mesh, project.Node{Role: project.RoleGateway, Pod: true})
	type port struct{ bound, seen uint16 }
	var got []port
	for _, l := range s.Listeners {
		if l.Address != "" {
			t.Errorf("listens on %s", l.Address)
		}
		got = append(got, port{l.Port, l.AdvertisedPort()})
	}
	if want := []port{{8080, 8080}, {60080, 80}, {65000, 15000}, {65021, 15021}}; !slices.Equal(got, want) {
		t.Errorf("got ports %v, want %v", got, want)
	}
	if len(s.Conflicts) != 1 || s.Conflicts[0].Reason != "PortUnavailable" {
		t.Errorf("got conflicts %+v", s.Conflicts)
	}
}

// TestRestrictionOfNames: a proxy is told what names may resolve to if it has names to
// resolve, and otherwise not even asked for.
func TestRestrictionOfNames(t *testing.T) {
	mesh := ir.NewMesh()
	gateway(mesh, "plain", time.Time{})
	gateway(mesh, "named", time.Time{})
	mesh.Endpoints["local/default/named:80"].Items[0].Address = "tenant.example"
	restriction := &ir.Resolution{}
	for name, want := range map[ir.GatewayName]*ir.Resolution{"default/plain": nil, "default/named": restriction} {
		asked := false
		s := project.Project(mesh, project.Node{Role: project.RoleGateway, Gateways: []ir.GatewayName{name}, Resolution: func() *ir.Resolution {
			asked = true
			return restriction
		}})
		if s.Resolution != want || asked != (want != nil) {
			t.Errorf("%s: got %v, asked: %v", name, s.Resolution, asked)
		}
	}
}
