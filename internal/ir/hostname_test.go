package ir

import (
	"slices"
	"testing"
)

func TestHostnameCovers(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "a.example.com", true},
		{"", "*.example.com", true},
		{"a.example.com", "", false},
		{"a.example.com", "a.example.com", true},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "*.example.com", true},
		{"*.com", "*.example.com", true},
		{"*.example.com", "*.com", false},
		{"*.example.com", "badexample.com", false},
	} {
		if got := HostnameCovers(test.a, test.b); got != test.want {
			t.Errorf("%q covers %q: got %v", test.a, test.b, got)
		}
	}
}

func TestCompareHostnames(t *testing.T) {
	want := []string{"a.example.com", "b.com", "*.longer.example.com", "*.example.com", "*.com", ""}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareHostnames)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
