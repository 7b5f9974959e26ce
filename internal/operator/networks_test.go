package operator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"fsm/internal/ir"
)

func prefixes(text string) (list []netip.Prefix) {
	for _, p := range strings.Fields(text) {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

func TestMerged(t *testing.T) {
	for _, test := range []struct{ all, want string }{
		{"", "[]"},
		{"10.1.0.0/24 10.0.0.0/24", "[10.0.0.0/24 10.1.0.0/24]"},
		{"10.0.1.0/24 10.0.0.0/24", "[10.0.0.0/23]"},
		{"10.0.1.0/24 10.0.2.0/24", "[10.0.1.0/24 10.0.2.0/24]"},
		{"10.0.3.0/24 10.0.1.0/24 10.0.0.0/24 10.0.2.0/24 10.0.2.7/32", "[10.0.0.0/22]"},
		{"10.0.0.0/8 10.0.0.0/8 10.9.0.0/16 10.0.0.0/24", "[10.0.0.0/8]"},
		{"192.0.2.0/32 192.0.2.1/32 2001:db8::/65 2001:db8:0:0:8000::/65", "[192.0.2.0/31 2001:db8::/64]"},
		{"0.0.0.0/0 ::/0", "[0.0.0.0/0 ::/0]"},
		{"0.0.0.0/1 128.0.0.0/1 ::/0", "[0.0.0.0/0 ::/0]"},
	} {
		if got := fmt.Sprint(merged(prefixes(test.all))); got != test.want {
			t.Errorf("%s: got %s, want %s", test.all, got, test.want)
		}
	}
}

func TestWithin(t *testing.T) {
	known := merged(prefixes("10.0.0.0/24 10.1.0.0/16 2001:db8::/64"))
	for p, want := range map[string]bool{
		"10.0.0.0/32": true, "10.0.0.255/32": true, "10.0.0.0/24": true, "10.1.2.3/32": true, "2001:db8::1/128": true,
		"10.0.1.0/32": false, "10.0.0.0/16": false, "9.0.0.1/32": false, "10.2.0.0/32": false, "2001:db8:0:1::/128": false, "192.0.2.1/32": false,
	} {
		if got := within(known, netip.MustParsePrefix(p)); got != want {
			t.Errorf("%s: got %v, want %v", p, got, want)
		}
	}
	if within(nil, netip.MustParsePrefix("10.0.0.0/32")) {
		t.Error("an address is within no network")
	}
}

// TestMergedCovers: what merged networks cover is what the networks do.
func TestMergedCovers(t *testing.T) {
	all := prefixes("10.0.0.0/30 10.0.0.4/30 10.0.0.8/32 10.0.0.10/31 10.0.0.9/32 10.0.0.16/28 10.0.0.20/30 10.0.0.40/32")
	list := &ir.Resolution{Refused: merged(all)}
	for a := netip.MustParseAddr("10.0.0.0"); a != netip.MustParseAddr("10.0.0.64"); a = a.Next() {
		holds := func(p netip.Prefix) bool { return p.Contains(a) }
		if slices.ContainsFunc(all, holds) != slices.ContainsFunc(list.Refused, holds) {
			t.Errorf("%s: merged are %v", a, list.Refused)
		}
	}
}
