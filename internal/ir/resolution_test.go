package ir_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fsm/internal/ir"
)

func restricted(networks ...string) *ir.Snapshot {
	r := &ir.Resolution{}
	for _, n := range networks {
		r.Refused = append(r.Refused, netip.MustParsePrefix(n))
	}
	s := &ir.Snapshot{Resolution: r}
	s.Seal()
	return s
}

// TestResolutionTravels: a snapshot that is stored, or sent, restricts names as before.
func TestResolutionTravels(t *testing.T) {
	s := restricted("10.96.0.0/12", "2001:db8::/64")
	for name, marshal := range map[string]func(*ir.Snapshot) ([]byte, error){"shown": ir.Marshal, "stored": ir.MarshalSecrets} {
		data, err := marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ir.Unmarshal(data)
		if err != nil {
			t.Fatal(err)
		}
		same := cmp.Options{cmpopts.IgnoreUnexported(ir.Resolution{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
		if diff := cmp.Diff(s.Resolution, got.Resolution, same); diff != "" || got.Version != s.Version {
			t.Errorf("%s: version %s, want %s (-want +got):\n%s", name, got.Version, s.Version, diff)
		}
	}
	if text := ir.Format(s); !strings.Contains(text, "2 networks") {
		t.Errorf("the text says nothing about names:\n%s", text)
	}
	if _, err := ir.Unmarshal([]byte(`{"resolution":{"refused":[""]}}`)); err == nil {
		t.Error("a network that is none was read")
	}
}

// TestResolutionCounts: another restriction is another version, and none at all is not
// the same as one without networks.
func TestResolutionCounts(t *testing.T) {
	none := &ir.Snapshot{}
	none.Seal()
	versions := map[string]bool{}
	for _, s := range []*ir.Snapshot{none, restricted(), restricted("10.0.0.0/8"), restricted("10.0.0.0/8", "192.0.2.0/24")} {
		versions[s.Version] = true
	}
	if len(versions) != 4 {
		t.Errorf("4 snapshots have %d versions", len(versions))
	}
}
