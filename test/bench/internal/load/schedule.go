package load

import (
	"math/rand/v2"
	"time"
)

// schedule draws the times at which requests are due: those of many users who
// know nothing of each other, so the gaps are exponential (a Poisson process).
// Equal seeds make equal schedules; the peers of a round get the same one.
type schedule struct {
	random *rand.Rand
	gap    float64 // mean, in nanoseconds
	next   float64 // since the start, in nanoseconds
}

func newSchedule(rate float64, seed uint64) *schedule {
	s := &schedule{random: rand.New(rand.NewPCG(seed, 0)), gap: float64(time.Second) / rate}
	s.advance()
	return s
}

// due is when the next request has to be sent, from the start.
func (s *schedule) due() time.Duration { return time.Duration(s.next) }

func (s *schedule) advance() { s.next += s.random.ExpFloat64() * s.gap }
