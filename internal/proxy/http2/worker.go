package http2

// worker is a goroutine that serves one request after the other. It spares each
// of them the growing of a stack.
type worker struct {
	next chan *serverStream // nil ends it
}

func (w *worker) run(s *serverStream) {
	for s != nil {
		s.serve(w)
		s = <-w.next
	}
}

// workers are those of a connection that have nothing to do. The connection's lock
// guards them.
type workers struct {
	free []*worker // the one that was last busy is the last
	// spare is how many of them were not needed since the last tick.
	spare int
}

// start has a request served. The lock is held.
func (c *ServerConn) start(s *serverStream) {
	n := len(c.workers.free)
	if n == 0 {
		w := &worker{next: make(chan *serverStream, 1)}
		go w.run(s)
		return
	}
	w := c.workers.free[n-1]
	c.workers.free[n-1] = nil
	c.workers.free = c.workers.free[:n-1]
	c.workers.spare = min(c.workers.spare, n-1)
	w.next <- s // has room: the worker waits, or is about to
}

// keep takes in that a worker has nothing more to do. The lock is held.
func (c *ServerConn) keep(w *worker) {
	if c.finished {
		w.next <- nil
		return
	}
	c.workers.free = append(c.workers.free, w)
}

// trim ends the workers that were not needed since it was last called.
func (w *workers) trim() {
	w.release(len(w.free) - w.spare)
	w.spare = len(w.free)
}

// release ends all but some of the workers.
func (w *workers) release(most int) {
	for n := len(w.free); n > most; n-- {
		w.free[n-1].next <- nil
		w.free[n-1] = nil
		w.free = w.free[:n-1]
	}
}
