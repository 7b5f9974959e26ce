package http2

import "time"

// budget bounds what the peer may make us do for nothing. It is spent by frames
// that carry nothing, and refilled by time and by those that do. The zero budget
// has no bound.
type budget struct {
	left, most int
	perSecond  int
	filledAt   int64
}

// Budgets of a connection. A peer that behaves never comes near: pings and window
// updates go with data, and each frame of data refills more than they take.
const (
	// resetBurst streams may be reset at once, by the peer or for its faults, and
	// resetRate per second for ever (CVE-2023-44487, CVE-2025-8671).
	resetBurst = 400
	resetRate  = 100
	// workBurst frames that carry nothing, and workRate per second.
	workBurst = 2000
	workRate  = 200
	// costSettings is what SETTINGS cost, which may touch every stream.
	costSettings = 10
	// costBlock is what a header block costs that is decoded for nothing.
	costBlock = 10
	// earned by each new stream, by data received, and by data sent.
	earnedStream   = 8
	earnedReceived = 2
	earnedSent     = 4
)

func newBudget(most, perSecond int) budget {
	return budget{left: most, most: most, perSecond: perSecond}
}

// spend takes n; false when there is not enough left.
func (b *budget) spend(n int, now int64) bool {
	if b.most == 0 {
		return true
	}
	if passed := now - b.filledAt; passed > 0 {
		if more := passed * int64(b.perSecond) / int64(time.Second); more > 0 {
			b.left = min(b.most, b.left+int(min(more, int64(b.most))))
			b.filledAt = now
		}
	}
	b.left -= n
	return b.left >= 0
}

// overdrawn reports whether more was spent than there was.
func (b *budget) overdrawn() bool { return b.left < 0 }

// earn gives n back.
func (b *budget) earn(n int) { b.left = min(b.most, b.left+n) }
