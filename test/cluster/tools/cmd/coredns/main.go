// Coredns is CoreDNS with the plugins that a cluster without an uplink needs. The
// whole of it brings the client libraries of several clouds, and would build for
// minutes.
//
// It is a module of its own: what those plugins' modules require would otherwise
// decide the versions of Kubernetes' dependencies too.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() { coremain.Run() }
