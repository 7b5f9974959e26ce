package upstream

import "sync"

// Weighted hands out indexes in proportion to weights, smoothly: of any run of
// as many picks as the weights add up to, each index gets exactly its weight,
// spread out as evenly as can be.
type Weighted struct {
	weights []int64
	total   int64

	mu      sync.Mutex
	current []int64
}

// NewWeighted makes a balancer. Indexes of weight 0 are never picked.
func NewWeighted(weights []uint32) *Weighted {
	w := &Weighted{weights: make([]int64, len(weights)), current: make([]int64, len(weights))}
	for i, weight := range weights {
		w.weights[i] = int64(weight)
		w.total += int64(weight)
	}
	return w
}

// Pick returns the next index, or -1 when all weights are 0.
func (w *Weighted) Pick() int {
	if w.total == 0 {
		return -1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	best := -1
	for i, weight := range w.weights {
		if weight == 0 {
			continue
		}
		w.current[i] += weight
		if best < 0 || w.current[i] > w.current[best] {
			best = i
		}
	}
	w.current[best] -= w.total
	return best
}

// Same reports whether the weights are these.
func (w *Weighted) Same(weights []uint32) bool {
	if len(w.weights) != len(weights) {
		return false
	}
	for i, weight := range weights {
		if w.weights[i] != int64(weight) {
			return false
		}
	}
	return true
}
