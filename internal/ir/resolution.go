package ir

import (
	"fmt"
	"net/netip"
)

// Resolution restricts what the DNS names among endpoints may resolve to. Who may
// write a name must not reach through the proxy what the network, or the lack of a
// ReferenceGrant, keeps from them (CVE-2021-25740).
//
// Besides the networks listed, it refuses what is never another machine's: loopback,
// link-local, unspecified and multicast addresses, and those of the proxy itself.
type Resolution struct {
	// Refused are the networks of the cluster: of pods, Services and nodes. In order,
	// and none within another one.
	Refused []netip.Prefix `json:"refused,omitempty"`

	sum sum
}

// Hash is the content hash, as for tables.
func (r *Resolution) Hash() string { return r.sum.String() }

// Seal computes the hash. It must have run before the restriction is handed to a second
// goroutine.
func (r *Resolution) Seal() {
	if r.sum == (sum{}) {
		r.sum = sumOf(r)
	}
}

// check finds networks that are none.
func (r *Resolution) check() error {
	for i, p := range r.Refused {
		if !p.IsValid() {
			return fmt.Errorf("resolution: network %d is not valid", i)
		}
	}
	return nil
}
