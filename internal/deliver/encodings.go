package deliver

import (
	"container/list"
	"sync"
)

// encodings keeps the lines that put resources, so that a thousand proxies cost one
// encoding. The least recently used go when there are too many bytes.
type encodings struct {
	limit int

	mu      sync.Mutex
	made    int // how often something was encoded
	size    int
	recent  *list.List // of *encoding, most recently used first
	entries map[encodingKey]*list.Element
}

type encodingKey struct {
	key
	hash string
}

type encoding struct {
	of   encodingKey
	once sync.Once
	line []byte
	err  error

	counted int // bytes in the size of all
}

// cacheBytes is the usual limit: room for the lines of 10,000 routes, and for the latest
// tables. More would keep tables that nobody will ask for again, because each change of a
// route makes another one.
const cacheBytes = 16 << 20

func newEncodings(limit int) *encodings {
	return &encodings{limit: limit, recent: list.New(), entries: map[encodingKey]*list.Element{}}
}

// put is the line that puts a resource.
func (c *encodings) put(k key, r resource) ([]byte, error) {
	e := c.find(encodingKey{k, r.hash})
	e.once.Do(func() {
		var body []byte
		if body, e.err = encode(r.value); e.err == nil {
			e.line, e.err = line(downward{Put: &put{Kind: k.kind, Name: k.name, Hash: r.hash, Body: body}})
		}
		c.grow(e)
	})
	return e.line, e.err
}

func (c *encodings) find(of encodingKey) *encoding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.entries[of]; ok {
		c.recent.MoveToFront(found)
		return found.Value.(*encoding)
	}
	e := &encoding{of: of}
	c.entries[of] = c.recent.PushFront(e)
	return e
}

// grow accounts for a line that was made, and drops others for it. Whoever uses a
// dropped one keeps it.
func (c *encodings) grow(e *encoding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	if kept, ok := c.entries[e.of]; !ok || kept.Value != e {
		return
	}
	e.counted = len(e.line)
	c.size += e.counted
	for c.size > c.limit {
		old := c.recent.Remove(c.recent.Back()).(*encoding)
		delete(c.entries, old.of)
		c.size -= old.counted
	}
}
