package ir

import (
	"fmt"
	"net/netip"
	"strings"
)

// AccessControl refuses requests by the addresses of clients.
type AccessControl struct {
	// Policy is the user's object, and the part of it that acts.
	Policy Origin `json:"policy"`
	AddressRule
	// ForwardedFor looks at the addresses in X-Forwarded-For as it was received, all of
	// which have to be admitted. Without any the address of the connection counts.
	ForwardedFor bool `json:"forwardedFor,omitempty"`
	// Status and Body of the reply to others.
	Status uint16 `json:"status"`
	Body   string `json:"body,omitempty"`
	// Failure, in place of the rule, answers all requests: the policy cannot be put to
	// work, and nobody passes unexamined.
	Failure *Respond `json:"failure,omitempty"`
}

// RateLimit makes requests take from a limiter.
type RateLimit struct {
	Policy  Origin      `json:"policy"`
	Limiter LimiterName `json:"limiter"`
	// Status and Headers of the reply to those that find it empty.
	Status  uint16        `json:"status"`
	Headers []HeaderField `json:"headers,omitempty"`
}

// ClientLimit makes requests take from a limiter that counts for each client.
type ClientLimit struct {
	Policy  Origin      `json:"policy"`
	Limiter LimiterName `json:"limiter"`
	// Status of the reply to requests beyond it.
	Status uint16 `json:"status"`
}

// ResponseRate spreads the bytes of each response over time.
type ResponseRate struct {
	Policy Origin `json:"policy"`
	// BytesPerSecond hold for what follows the first After bytes of the content.
	BytesPerSecond uint64 `json:"bytesPerSecond"`
	After          uint64 `json:"after,omitempty"`
}

// Fault delays requests, or answers them in place of the backend.
type Fault struct {
	Policy Origin `json:"policy"`
	// Numerator of Denominator requests, chosen at random.
	Numerator   uint32 `json:"numerator"`
	Denominator uint32 `json:"denominator"`
	// MinDelay and MaxDelay bound the wait, which is drawn at random; equal ones are a
	// fixed wait.
	MinDelay Duration `json:"minDelay,omitempty"`
	MaxDelay Duration `json:"maxDelay,omitempty"`
	// Abort is nil when requests go on after the delay.
	Abort *FaultAbort `json:"abort,omitempty"`
}

// FaultAbort is an answer in place of the backend's.
type FaultAbort struct {
	// Status of HTTP; 0 means that GRPCStatus is meant.
	Status uint16 `json:"status,omitempty"`
	// GRPCStatus is sent to clients of gRPC. Others get what it means in HTTP.
	GRPCStatus uint32 `json:"grpcStatus,omitempty"`
	Body       string `json:"body,omitempty"`
}

func (*AccessControl) filter() {}
func (*RateLimit) filter()     {}
func (*ClientLimit) filter()   {}
func (*ResponseRate) filter()  {}
func (*Fault) filter()         {}

// String is "allow=10.0.0.0/8 deny=…".
func (r AddressRule) String() string {
	var words []string
	if len(r.Allow) > 0 {
		words = append(words, "allow="+joinPrefixes(r.Allow))
	}
	if len(r.Deny) > 0 {
		words = append(words, "deny="+joinPrefixes(r.Deny))
	}
	return strings.Join(words, " ")
}

func joinPrefixes(list []netip.Prefix) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
		if p.IsSingleIP() {
			texts[i] = p.Addr().String()
		}
	}
	return strings.Join(texts, ",")
}

func (f *AccessControl) String() string {
	if f.Failure != nil {
		return fmt.Sprintf("access fails %s by %s", f.Failure, f.Policy)
	}
	s := "access " + f.AddressRule.String()
	if f.ForwardedFor {
		s += " of X-Forwarded-For"
	}
	return fmt.Sprintf("%s else %d by %s", s, f.Status, f.Policy)
}

func (f *RateLimit) String() string {
	return fmt.Sprintf("limit else %d by %s", f.Status, f.Policy)
}

func (f *ClientLimit) String() string {
	return fmt.Sprintf("limit clients else %d by %s", f.Status, f.Policy)
}

func (f *ResponseRate) String() string {
	s := fmt.Sprintf("response %d B/s", f.BytesPerSecond)
	if f.After > 0 {
		s += fmt.Sprintf(" after %d", f.After)
	}
	return fmt.Sprintf("%s by %s", s, f.Policy)
}

// String is "5/s burst=25 300/m burst=1500 concurrent=10 exempt=10.0.0.0/8".
func (c *ClientLimits) String() string {
	var words []string
	for _, r := range []struct {
		ClientRate
		unit string
	}{{c.PerSecond, "s"}, {c.PerMinute, "m"}} {
		if r.Requests > 0 {
			words = append(words, fmt.Sprintf("%d/%s burst=%d", r.Requests, r.unit, r.Burst))
		}
	}
	if c.Concurrent > 0 {
		words = append(words, fmt.Sprintf("concurrent=%d", c.Concurrent))
	}
	if len(c.Exempt) > 0 {
		words = append(words, "exempt="+joinPrefixes(c.Exempt))
	}
	return strings.Join(words, " ")
}

// String is "100/1m0s burst=100 backlog=10", or "each client 5/s burst=25".
func (l *Limiter) String() string {
	if l.Clients != nil {
		return "each client " + l.Clients.String()
	}
	return fmt.Sprintf("%d/%s burst=%d backlog=%d", l.Requests, l.Window, l.Burst, l.Backlog)
}

func (f *Fault) String() string {
	s := fmt.Sprintf("fault %d/%d", f.Numerator, f.Denominator)
	if f.Denominator == 100 {
		s = fmt.Sprintf("fault %d%%", f.Numerator)
	}
	switch {
	case f.MaxDelay != f.MinDelay:
		s += fmt.Sprintf(" delay=%s-%s", f.MinDelay, f.MaxDelay)
	case f.MaxDelay > 0:
		s += fmt.Sprintf(" delay=%s", f.MaxDelay)
	}
	if a := f.Abort; a != nil && a.Status != 0 {
		s += fmt.Sprintf(" abort=%d", a.Status)
	} else if a != nil {
		s += fmt.Sprintf(" abort=grpc-status %d", a.GRPCStatus)
	}
	return fmt.Sprintf("%s by %s", s, f.Policy)
}

// String is "allow=10.0.0.0/8 by …  2048 B/s by …"; empty for nil.
func (g *Guard) String() string {
	if g == nil {
		return ""
	}
	var words []string
	if a := g.Access; a != nil && a.Closed {
		words = append(words, "nobody by "+a.Policy.String())
	} else if a != nil {
		words = append(words, a.AddressRule.String()+" by "+a.Policy.String())
	}
	if r := g.Rate; r != nil {
		words = append(words, fmt.Sprintf("%d B/s by %s", r.BytesPerSecond, r.Policy))
	}
	return strings.Join(words, "  ")
}
