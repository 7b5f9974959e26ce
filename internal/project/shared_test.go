package project_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/project"
)

func httpListener(name string, hosts ...string) *ir.GatewayListener {
	l := &ir.GatewayListener{Name: name, Origin: ir.Origin{Kind: "T", Name: name}, Port: 80, Protocol: ir.ProtocolHTTP}
	for _, h := range hosts {
		l.Hosts = append(l.Hosts, ir.Host{Hostname: h, Table: ir.TableName(name + "/" + h)})
	}
	return l
}

func tlsListener(name, hostname string, protocol ir.Protocol) *ir.GatewayListener {
	return &ir.GatewayListener{
		Name: name, Origin: ir.Origin{Kind: "T", Name: name}, Port: 443, Protocol: protocol, Hostname: hostname,
		TLS: &ir.ServerTLS{}, Relays: []*ir.RelayRoute{{ServerName: hostname}},
	}
}

func tcpListener(name string, port uint16) *ir.GatewayListener {
	return &ir.GatewayListener{
		Name: name, Origin: ir.Origin{Kind: "T", Name: name}, Port: port, Protocol: ir.ProtocolTCP, Relays: []*ir.RelayRoute{{}},
	}
}

// arrangement is a snapshot as text: each socket with its chains, or with the tables of
// its hosts, and what could not be put to work.
func arrangement(s *ir.Snapshot) (sockets, conflicts []string) {
	for _, l := range s.Listeners {
		text := string(l.Name)
		for _, c := range l.Chains {
			if c.Name != "http" {
				text += " " + c.Name
				continue
			}
			for _, v := range c.HTTP.VirtualHosts {
				for _, h := range v.Hosts {
					text += " " + h.Hostname + "=" + string(h.Table)
				}
			}
		}
		sockets = append(sockets, text)
	}
	for _, c := range s.Conflicts {
		conflicts = append(conflicts, c.Origins[0].Name+": "+c.Message)
	}
	return sockets, conflicts
}

// TestSharedPorts: gateways of the same proxies have a port for both, wherever each
// would listen. The older one keeps what both want.
func TestSharedPorts(t *testing.T) {
	bound := httpListener("a-http", "a.example.com", "")
	bound.Bind = 8000
	for _, test := range []struct {
		name               string
		own, with          []*ir.GatewayListener
		sockets, conflicts []string
	}{
		{
			"hosts of both", []*ir.GatewayListener{bound}, []*ir.GatewayListener{httpListener("b-http", "b.example.com", "a.example.com", "")},
			[]string{"tcp/:8000 a.example.com=a-http/a.example.com b.example.com=b-http/b.example.com =a-http/"},
			[]string{`b-http: host "a.example.com" of port 80 is that of T a-http`, `b-http: host "*" of port 80 is that of T a-http`},
		},
		{
			"server names of both",
			[]*ir.GatewayListener{tlsListener("a", "a.example.com", ir.ProtocolHTTPS)},
			[]*ir.GatewayListener{tlsListener("b", "b.example.com", ir.ProtocolTLS), tlsListener("c", "a.example.com", ir.ProtocolHTTPS)},
			[]string{"tcp/:443 https/a.example.com tls/b.example.com"},
			[]string{`c: server name "a.example.com" of port 443 is that of T a`},
		},
		{
			"ports of one alone", []*ir.GatewayListener{httpListener("a", "a.example.com")}, []*ir.GatewayListener{tcpListener("b", 9000)},
			[]string{"tcp/:80 a.example.com=a/a.example.com", "tcp/:9000 tcp"}, nil,
		},
		{
			"bytes and requests", []*ir.GatewayListener{httpListener("a", "a.example.com")}, []*ir.GatewayListener{tcpListener("b", 80)},
			[]string{"tcp/:80 a.example.com=a/a.example.com"},
			[]string{"b: tcp port 80 is taken by Gateway ns/own with protocol HTTP"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			mesh := ir.NewMesh()
			mesh.Gateways["ns/own"] = &ir.Gateway{Name: "ns/own", Listeners: test.own}
			mesh.Gateways["with"] = &ir.Gateway{Name: "with", With: "ns/own", Created: time.Unix(1, 0), Listeners: test.with}
			mesh.Gateways["ns/other"] = &ir.Gateway{Name: "ns/other", Created: time.Unix(2, 0), Listeners: []*ir.GatewayListener{tcpListener("other", 7)}}
			sockets, conflicts := arrangement(project.Project(mesh, project.Node{Role: project.RoleGateway, Gateways: []ir.GatewayName{"ns/own"}}))
			if diff := cmp.Diff(test.sockets, sockets); diff != "" {
				t.Errorf("sockets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.conflicts, conflicts); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
}
