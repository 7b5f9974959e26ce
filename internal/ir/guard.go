package ir

import "net/netip"

// AddressRule admits clients by address: those of Allow and no others, or, if that is
// empty, all but those of Deny.
type AddressRule struct {
	Allow []netip.Prefix `json:"allow,omitempty"`
	Deny  []netip.Prefix `json:"deny,omitempty"`
}

// Admits tells whether a client with the address may pass.
func (r *AddressRule) Admits(client netip.Addr) bool {
	client = client.Unmap()
	if len(r.Allow) > 0 {
		return contains(r.Allow, client)
	}
	return !contains(r.Deny, client)
}

func contains(list []netip.Prefix, address netip.Addr) bool {
	for _, p := range list {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

// Guard is what a listener demands of connections before anything of them is
// understood.
type Guard struct {
	// Access is nil when every client may connect. Others' connections are reset, and
	// their datagrams dropped.
	Access *PortAccess `json:"access,omitempty"`
	// Rate is nil when there is no limit.
	Rate *PortRate `json:"rate,omitempty"`
}

// PortAccess admits clients to a port.
type PortAccess struct {
	// Policy is the user's object.
	Policy Origin `json:"policy"`
	AddressRule
	// Closed admits nobody: the policy cannot be put to work.
	Closed bool `json:"closed,omitempty"`
}

// Admits tells whether a client may connect; it may be asked of nil.
func (a *PortAccess) Admits(client netip.Addr) bool {
	return a == nil || !a.Closed && a.AddressRule.Admits(client)
}

// PortRate bounds what the connections of a port move together.
type PortRate struct {
	Policy Origin `json:"policy"`
	// BytesPerSecond in each of the two directions.
	BytesPerSecond uint64 `json:"bytesPerSecond"`
}
