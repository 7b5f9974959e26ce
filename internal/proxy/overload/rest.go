package overload

import (
	"runtime/debug"
	"sync"
	"time"
)

// Rest gives memory back to the system when many connections have come to rest:
// what they used lies in pools, and a process with nothing to do has no garbage
// collection that would empty those.
type Rest struct {
	// Free gives memory back; nil stands for the runtime's own way. It is called
	// in a goroutine, one at a time.
	Free func()

	seen, freed uint64
	quiet       int
	freedAt     int64
	working     sync.Mutex
}

const (
	// restAfter connections that came to rest are worth the work, once no others
	// follow for quietTicks.
	restAfter  = 256
	quietTicks = 4
	// restEvery bounds how often it is done, in nanoseconds.
	restEvery = int64(30 * time.Second)
)

// Look is called on each tick, with the number of times that a connection came to
// rest until now.
func (r *Rest) Look(rested uint64, now int64) {
	if rested != r.seen {
		r.seen, r.quiet = rested, 0
		return
	}
	if r.quiet++; r.quiet < quietTicks || rested-r.freed < restAfter || r.freedAt != 0 && now-r.freedAt < restEvery {
		return
	}
	r.freed, r.freedAt = rested, now
	free := r.Free
	if free == nil {
		free = freePools
	}
	go func() {
		r.working.Lock()
		defer r.working.Unlock()
		free()
	}()
}

// freePools empties the pools: what lies in one survives one collection.
func freePools() {
	debug.FreeOSMemory()
	debug.FreeOSMemory()
}
