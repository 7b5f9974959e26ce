package core

import (
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// DNS says which names outside the set a backend may have. From files any name
// will do, because who writes the files owns the machine. In a cluster a tenant
// must not reach, through the proxy, what the network keeps from its own pods
// (CVE-2021-25740).
type DNS struct {
	// Restricted refuses IP addresses, names of a single label and names below
	// the cluster's own domain. What a name resolves to is the proxy's to check.
	Restricted bool
	// ClusterDomain is the cluster's own domain. Default "cluster.local".
	ClusterDomain string
}

// canonicalHost is the name without its trailing dot.
func canonicalHost(name string) string { return strings.TrimSuffix(name, ".") }

// refuse says why a name may not be used, or nothing.
func (d DNS) refuse(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Sprintf("%q is not a DNS name", name)
	}
	if !d.Restricted {
		return ""
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Sprintf("%q is an IP address; use a Service with an EndpointSlice", name)
	}
	if !strings.Contains(name, ".") {
		return fmt.Sprintf("%q has a single label and would resolve inside the cluster", name)
	}
	if name == d.ClusterDomain || strings.HasSuffix(name, "."+d.ClusterDomain) {
		return fmt.Sprintf("%q is below the cluster's own domain %q; refer to the Service instead", name, d.ClusterDomain)
	}
	return ""
}
