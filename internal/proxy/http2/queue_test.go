package http2

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestQueue: what goes in comes out, in order, and what was lent stays as it is
// until it is taken back, however much is added meanwhile.
func TestQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		var q queue
		var want, got, lent []byte
		var lentAs []byte
		next := byte(0)
		for range 200 {
			switch random.IntN(3) {
			case 0, 1:
				piece := make([]byte, min(1+random.IntN(20_000), defaultWindow-q.len()))
				for i := range piece {
					piece[i] = next
					next++
				}
				if len(piece) > 0 {
					q.add(piece)
				}
				want = append(want, piece...)
			default:
				q.settle()
				lent = nil
				if q.len() > 0 {
					lent = q.take()
					lentAs = bytes.Clone(lent)
					got = append(got, lent...)
				}
			}
			if !bytes.Equal(lent, lentAs[:len(lent)]) {
				t.Fatalf("round %d: what was lent has changed", round)
			}
		}
		q.settle()
		if q.len() > 0 {
			got = append(got, q.take()...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("round %d: got %d bytes, want %d, or other ones", round, len(got), len(want))
		}
		q.settle()
		if q.buf != nil || q.held != nil {
			t.Fatalf("round %d: an empty queue holds memory", round)
		}
		q.drop()
	}
}
