package figure

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	tests := []struct {
		name   string
		sorted []int
		p      float64
		want   int
	}{
		{"none", nil, 50, 0},
		{"one", []int{7}, 99.9, 7},
		{"lowest", hundred, 0, 1},
		{"middle", hundred, 50, 50},
		{"99", hundred, 99, 99},
		{"99.9 of a hundred is the largest", hundred, 99.9, 100},
		{"highest", hundred, 100, 100},
		{"between ranks takes the higher one", []int{10, 20, 30}, 50, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Percentile(tt.sorted, tt.p); got != tt.want {
				t.Errorf("Percentile(%v) = %d, want %d", tt.p, got, tt.want)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Spread
	}{
		{"none", nil, Spread{}},
		{"odd", []float64{3, 1, 2}, Spread{Median: 2, Min: 1, Max: 3}},
		{"even", []float64{4, 1, 3, 2}, Spread{Median: 2.5, Min: 1, Max: 4}},
		{"one outlier does not move the median", []float64{2, 2, 100}, Spread{Median: 2, Min: 2, Max: 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Over(tt.values)); diff != "" {
				t.Errorf("Over (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOverLeavesItsValuesInOrder(t *testing.T) {
	values := []float64{3, 1, 2}
	Over(values)
	if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// A machine that gets slower from round to round must not turn a peer that is
// equal in every round into a faster or slower one.
func TestRatiosCompareWithinRounds(t *testing.T) {
	ours := map[int]float64{0: 10, 1: 20, 2: 40}
	peer := map[int]float64{0: 20, 1: 20, 2: 20}
	if diff := cmp.Diff([]float64{0.5, 1, 2}, Ratios(ours, peer)); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
	drifting := map[int]float64{0: 10, 1: 20, 2: 40}
	if diff := cmp.Diff([]float64{1, 1, 1}, Ratios(ours, drifting)); diff != "" {
		t.Errorf("ratios of equals (-want +got):\n%s", diff)
	}
}

func TestRatiosLeaveOutRoundsWithoutBoth(t *testing.T) {
	ours := map[int]float64{0: 10, 2: 30, 3: 40}
	peer := map[int]float64{0: 10, 1: 10, 2: 0}
	if diff := cmp.Diff([]float64{1}, Ratios(ours, peer)); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
}
