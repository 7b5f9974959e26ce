package standin

import "testing"

// TestAddresses: all of them can run side by side.
func TestAddresses(t *testing.T) {
	taken := map[int]string{}
	for _, s := range (Config{}).servers() {
		if other, ok := taken[s.port]; ok {
			t.Errorf("%s and %s have port %d", other, s.name, s.port)
		}
		taken[s.port] = s.name
	}
}
