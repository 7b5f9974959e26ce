package figure

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Spread sums up the same figure over several rounds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Over is the spread of some values; the zero Spread for none.
func Over(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	return Spread{Median: Median(values), Min: slices.Min(values), Max: slices.Max(values)}
}

// Median is the middle value, or the mean of the two in the middle. It is 0 for
// no values at all.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Percentile is the smallest value that at least p percent of the values do not
// exceed (nearest rank), so it is always one that was measured. Values have to be
// sorted; the zero value stands for none.
func Percentile[T cmp.Ordered](sorted []T, p float64) T {
	if len(sorted) == 0 {
		var zero T
		return zero
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Ratios divides two series round by round. Rounds that lack either figure are
// left out.
func Ratios(ours, peer map[int]float64) []float64 {
	var ratios []float64
	for _, round := range slices.Sorted(maps.Keys(ours)) {
		if base := peer[round]; base > 0 {
			ratios = append(ratios, ours[round]/base)
		}
	}
	return ratios
}
