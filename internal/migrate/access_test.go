package migrate

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
)

func prefixes(text string) []netip.Prefix {
	var list []netip.Prefix
	for word := range strings.FieldsSeq(text) {
		list = append(list, netip.MustParsePrefix(word))
	}
	return list
}

func TestAccessOf(t *testing.T) {
	tests := []struct{ allow, deny, whitelist, blacklist string }{
		{"10.0.0.0/8", "", "10.0.0.0/8", ""},
		{"192.0.2.1/32 10.0.0.0/8", "", "10.0.0.0/8 192.0.2.1", ""},
		{"10.0.0.0/8 10.1.0.0/16 10.0.0.0/8", "", "10.0.0.0/8", ""},
		{"", "10.1.0.0/16 10.0.0.0/8 2001:db8::1/128", "", "10.0.0.0/8 2001:db8::1"},
		{"10.0.0.0/8", "192.0.2.0/24 2001:db8::/32", "10.0.0.0/8", ""},
		{"10.0.0.0/8", "10.128.0.0/9", "10.0.0.0/9", ""},
		{"10.0.0.0/8", "10.64.0.0/10", "10.0.0.0/10 10.128.0.0/9", ""},
		{"2001:db8::/126 10.0.0.1/32", "2001:db8::2/128 10.0.0.1/32", "2001:db8::/127 2001:db8::3", ""},
		{"10.0.0.0/8", "0.0.0.0/0", "", "0.0.0.0/0 ::/0"},
		{"10.0.0.0/8", "10.0.0.0/8", "", "0.0.0.0/0 ::/0"},
	}
	for _, test := range tests {
		got := accessOf(prefixes(test.allow), prefixes(test.deny))
		if diff := cmp.Diff([]string{test.whitelist, test.blacklist}, []string{strings.Join(got.Whitelist, " "), strings.Join(got.Blacklist, " ")}); diff != "" {
			t.Errorf("allow %s, deny %s (-want +got):\n%s", test.allow, test.deny, diff)
		}
	}
}

// TestAccessOfAdmitsTheSame: whatever the two lists are, the one that is left of them
// admits the same addresses.
func TestAccessOfAdmitsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	network := func() netip.Prefix { // within 10.0.0.0/24, so that they meet
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(random.Uint32())}), 24+random.IntN(9)).Masked()
	}
	for range 500 {
		var allow, deny []netip.Prefix
		for range 1 + random.IntN(4) {
			allow = append(allow, network())
		}
		for range random.IntN(4) {
			deny = append(deny, network())
		}
		before := []ir.AddressRule{{Deny: deny}, {Allow: allow}} // one after the other
		left := accessOf(allow, deny)
		after := ir.AddressRule{}
		for _, text := range left.Whitelist {
			after.Allow = append(after.Allow, parsed(t, text))
		}
		for _, text := range left.Blacklist {
			after.Deny = append(after.Deny, parsed(t, text))
		}
		for last := range 256 {
			client := netip.AddrFrom4([4]byte{10, 0, 0, byte(last)})
			if want := before[0].Admits(client) && before[1].Admits(client); after.Admits(client) != want {
				t.Fatalf("allow %s, deny %s: %s is admitted: %v, want %v", allow, deny, client, !want, want)
			}
		}
	}
}

func parsed(t *testing.T, text string) netip.Prefix {
	t.Helper()
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
