package message

import "time"

// lookInterval is how often a wait looks whether the client is still there.
const lookInterval = time.Second

// AwaitTurn waits until the channel delivers. It reports false when the client went
// away before.
func (x *Exchange) AwaitTurn(turn <-chan struct{}) bool { return await(x, turn) }

// Pause waits for a time. It reports false when the client went away before.
func (x *Exchange) Pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return await(x, timer.C)
}

// leaving ends a wait.
type leaving chan struct{}

// Abort implements Aborter.
func (l leaving) Abort() {
	select {
	case l <- struct{}{}:
	default: // said before
	}
}

func await[T any](x *Exchange, ready <-chan T) bool {
	left := make(leaving, 1)
	if x.Attach(left) {
		x.Detach()
		return false
	}
	defer x.Detach()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-ready:
			return true
		case <-left:
			return false
		case <-look.C:
			if x.Downstream.Gone() {
				return false
			}
		}
	}
}
