package hpack

import "fsm/internal/proxy/message"

// staticEntries is the table of RFC 7541, appendix A; index 1 comes first.
var staticEntries = [...][2]string{
	{":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"}, {":path", "/index.html"},
	{":scheme", "http"}, {":scheme", "https"}, {":status", "200"}, {":status", "204"}, {":status", "206"},
	{":status", "304"}, {":status", "400"}, {":status", "404"}, {":status", "500"}, {"accept-charset", ""},
	{"accept-encoding", "gzip, deflate"}, {"accept-language", ""}, {"accept-ranges", ""}, {"accept", ""},
	{"access-control-allow-origin", ""}, {"age", ""}, {"allow", ""}, {"authorization", ""}, {"cache-control", ""},
	{"content-disposition", ""}, {"content-encoding", ""}, {"content-language", ""}, {"content-length", ""},
	{"content-location", ""}, {"content-range", ""}, {"content-type", ""}, {"cookie", ""}, {"date", ""},
	{"etag", ""}, {"expect", ""}, {"expires", ""}, {"from", ""}, {"host", ""}, {"if-match", ""},
	{"if-modified-since", ""}, {"if-none-match", ""}, {"if-range", ""}, {"if-unmodified-since", ""},
	{"last-modified", ""}, {"link", ""}, {"location", ""}, {"max-forwards", ""}, {"proxy-authenticate", ""},
	{"proxy-authorization", ""}, {"range", ""}, {"referer", ""}, {"refresh", ""}, {"retry-after", ""},
	{"server", ""}, {"set-cookie", ""}, {"strict-transport-security", ""}, {"transfer-encoding", ""},
	{"user-agent", ""}, {"vary", ""}, {"via", ""}, {"www-authenticate", ""},
}

// numStatic is the highest static index.
const numStatic = len(staticEntries)

// static is the static table as fields.
var static = func() (t [numStatic + 1]Field) {
	for i, e := range staticEntries {
		t[i+1] = Field{Name: []byte(e[0]), Value: []byte(e[1]), ID: message.Lookup([]byte(e[0]))}
	}
	return t
}()

// entryOverhead is what an entry counts beyond its strings (RFC 7541, section
// 4.1), and so does a field of a decoded list (RFC 9113, section 6.5.2).
const entryOverhead = 32

// dynamic is the decoder's dynamic table. Its strings lie one behind the other in
// one piece of memory, which is tidied up when it is full.
type dynamic struct {
	// entries is a ring: the newest is at last, and there are n.
	entries []entry
	last, n int
	text    []byte
	size    int // as RFC 7541 counts it
	max     int // what the encoder has chosen
}

type entry struct {
	at          uint32 // in text
	name, value uint32 // lengths
	id          message.ID
}

func (e *entry) size() int { return int(e.name) + int(e.value) + entryOverhead }

// get finds an entry; 1 is the newest.
func (d *dynamic) get(i int) (f Field, ok bool) {
	if i < 1 || i > d.n {
		return f, false
	}
	e := d.nth(i)
	name := e.at + e.name
	return Field{Name: d.text[e.at:name], Value: d.text[name : name+e.value], ID: e.id}, true
}

func (d *dynamic) nth(i int) *entry {
	return &d.entries[(d.last-(i-1)+len(d.entries))%len(d.entries)]
}

// resize changes the maximum size.
func (d *dynamic) resize(max int) {
	d.max = max
	d.evict(0)
}

// evict makes room for an entry of that size.
func (d *dynamic) evict(size int) {
	for d.n > 0 && d.size+size > d.max {
		d.size -= d.nth(d.n).size()
		d.n--
	}
}

// add adds an entry. Its strings must not lie in the table: adding may move them.
func (d *dynamic) add(f Field) {
	size := len(f.Name) + len(f.Value) + entryOverhead
	d.evict(size)
	if size > d.max {
		return // the table is empty now, as RFC 7541, section 4.4, has it
	}
	d.room(len(f.Name) + len(f.Value))
	at := len(d.text)
	d.text = append(append(d.text, f.Name...), f.Value...)
	d.last = (d.last + 1) % len(d.entries)
	d.entries[d.last] = entry{at: uint32(at), name: uint32(len(f.Name)), value: uint32(len(f.Value)), id: f.ID}
	d.n++
	d.size += size
}

// room makes room for another entry with that many bytes.
func (d *dynamic) room(n int) {
	if len(d.text)+n > cap(d.text) {
		d.compact(n)
	}
	if d.n < len(d.entries) {
		return
	}
	grown := make([]entry, max(8, 2*len(d.entries)))
	for i := d.n; i >= 1; i-- {
		grown[d.n-i] = *d.nth(i)
	}
	d.entries, d.last = grown, d.n-1
	if d.n == 0 {
		d.last = len(grown) - 1
	}
}

// compact moves the strings in use to the front of memory that has room for n
// bytes more. That memory is twice what the table may hold, so that moving is
// rare.
func (d *dynamic) compact(n int) {
	used := 0
	for i := 1; i <= d.n; i++ {
		e := d.nth(i)
		used += int(e.name) + int(e.value)
	}
	text := d.text[:0]
	if 2*(used+n) > cap(text) {
		text = make([]byte, 0, max(512, 4*(used+n)))
	}
	// The oldest first: each moves towards the front, over what is gone.
	for i := d.n; i >= 1; i-- {
		e := d.nth(i)
		at := len(text)
		text = append(text, d.text[e.at:e.at+e.name+e.value]...)
		e.at = uint32(at)
	}
	d.text = text
}
