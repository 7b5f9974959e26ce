package http2

import (
	"errors"
	"sync"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/socket"
)

const (
	// streamWindow is how much of a stream we buffer for a reader that is slow.
	streamWindow = defaultWindow
	// connWindow is how much may be under way on a connection. It is given back
	// when data arrives and not when it is used, so that streams that stand still
	// leave the others their share.
	connWindow = 1 << 20
	// maxPending is how much content waits to be written before senders wait.
	maxPending = 64 << 10
	// tableSize of header compression, the default.
	tableSize = 4096
	// maxFragments bounds the frames of a header block.
	maxFragments = 32
	// rememberedResets is how many streams that we reset are remembered: what the
	// peer sent before it knew is no fault.
	rememberedResets = 64
)

// side is what differs between the two ends.
type side interface {
	// headers takes in a header block of a stream.
	headers(b *headerBlock) error
	// stray says what to do about a frame on a stream that is not open; nil to
	// ignore it.
	stray(f *frame) error
	// goneAway takes in a GOAWAY.
	goneAway(last uint32, code errorCode)
	// ponged takes in the answer to a ping; the lock is held.
	ponged(data uint64)
	// settled takes in that the peer's settings were; the lock is held.
	settled()
	// pausing is called before a wait for more from the peer, and says what the
	// connection waits for.
	pausing()
	// check is called by the goroutine that reads when the connection was nudged or
	// is drained. An error ends the connection.
	check() error
	// over reports whether the connection has done all that it was for; the lock is
	// held.
	over() bool
}

// headerBlock is a header block on its way.
type headerBlock struct {
	stream    uint32
	end       bool // of the stream
	self      bool // depends on itself, which is malformed
	fragments int
	text      []byte
}

// conn is one end of a connection.
type conn struct {
	link *socket.Stream
	side side
	// maxBlock bounds header blocks, as they are on the wire.
	maxBlock int
	stall    int64

	// Of the goroutine that reads.
	step    func() (wait bool) // readHeld, made once
	stopped error              // why reading ended
	awaited string             // what the peer has to send before its first frame
	whole   bool               // a frame was completed since the last pause
	now     frame              // the one that is handled
	in      *buffer.Buffer
	r, w    int
	decoder hpack.Decoder
	block   *headerBlock // nil when none is open
	blocks  headerBlock  // the one that block points to, for its memory
	greeted bool
	refund  int

	mu      sync.Mutex
	streams map[uint32]*stream
	resets  budget // unlimited unless the side sets it
	work    budget
	room    int // what the peer may still send
	// What the peer allows.
	window      int64
	peerWindow  int64
	peerFrame   int
	peerStreams uint32
	// out waits to be written; lease is its memory, and flushing says that somebody
	// is at it.
	out      []byte
	lease    *buffer.Buffer
	flushing bool
	flushed  *sync.Cond
	flushFn  func()
	started  bool // a header block was written
	// crowded streams wait for out to shrink, starved ones for the connection's
	// window.
	crowded, starved []*stream
	reset            [rememberedResets]uint32
	resetAt          int
	// patch is where in out the header of the last DATA frame is, of the stream
	// patched; 0 when it has gone out.
	patch   int
	patched uint32
	// ended is why the connection is over.
	ended error
}

func (c *conn) init(link *socket.Stream, s side, maxBlock int) {
	c.link, c.side, c.maxBlock = link, s, maxBlock
	c.stall = int64(link.Sock.Stall())
	c.decoder = hpack.NewDecoder(tableSize)
	c.step = c.readHeld
	c.work = newBudget(workBurst, workRate)
	c.streams = map[uint32]*stream{}
	c.room, c.window, c.peerWindow, c.peerFrame = connWindow, defaultWindow, defaultWindow, smallestPossibleFrame
	c.peerStreams = maxID
	c.flushed = sync.NewCond(&c.mu)
	c.flushFn = c.flush
}

// leave takes a stream that ends early off the connection. The lock is held.
func (c *conn) leave(s *stream, why error) {
	delete(c.streams, s.id)
	s.done = true
	s.fail(why)
	if s.exchange != nil {
		s.exchange.Abandon()
	}
}

// spendReset pays for a stream that was reset by the peer or for its fault.
func (c *conn) spendReset() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.resets.spend(1, c.link.Sock.Coarse()) {
		return errResetFlood
	}
	return nil
}

// resetStream ends a stream for a fault of the peer.
func (c *conn) resetStream(e streamError) error {
	c.mu.Lock()
	s := c.streams[e.stream]
	if s != nil {
		c.leave(s, e)
	}
	c.appendReset(e.stream, e.code)
	c.mu.Unlock()
	return c.spendReset()
}

// appendReset writes a reset and remembers it. The lock is held.
func (c *conn) appendReset(id uint32, code errorCode) {
	c.out = appendReset(c.pending(), id, code)
	c.reset[c.resetAt] = id
	c.resetAt = (c.resetAt + 1) % rememberedResets
	c.wake()
}

func (c *conn) wasReset(id uint32) bool {
	for _, r := range c.reset {
		if r == id {
			return true
		}
	}
	return false
}

// fail ends the connection for everybody who uses it.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.ended == nil {
		c.ended = err
	}
	for _, s := range c.streams {
		c.leave(s, err)
	}
	c.mu.Unlock()
}

// tick ends waits that last too long. It is called a few times a second.
func (c *conn) tick(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		if s.readBy != 0 && now >= s.readBy {
			s.late = true
			signal(s.readable)
		}
		if s.writeBy != 0 && now >= s.writeBy {
			s.fail(errStalled)
		}
		if s.pollAt != 0 && now >= s.pollAt {
			s.pollAt = now + pollEvery
			signal(s.readable)
		}
	}
}

var errStalled = errors.New("peer does not take what it asked for")

// errClosed is why we end a connection that has done all that it was for.
var errClosed = errors.New("connection has served its purpose")
