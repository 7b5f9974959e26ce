package hpack

import (
	"errors"
	"fmt"

	"fsm/internal/proxy/message"
)

// Field is a header field. The decoder's are valid as long as the memory that it
// was handed.
type Field struct {
	Name, Value []byte
	ID          message.ID
}

// Size is what the field counts in a header list (RFC 9113, section 6.5.2).
func (f *Field) Size() int { return len(f.Name) + len(f.Value) + entryOverhead }

// ErrMalformed says that a block is none. The connection it came on cannot go on:
// the two ends do not agree about the table any more.
var ErrMalformed = errors.New("malformed header block")

// errLateResize: RFC 7541, section 4.2, has the table resized before any field.
var errLateResize = fmt.Errorf("%w: table is resized behind a field", ErrMalformed)

// Decoder decodes the header blocks of a connection, all of them and in order.
type Decoder struct {
	table dynamic
	// limit is what the table may be resized to.
	limit int
	block []byte
	// begun is set once the block had a field; the table is resized before.
	begun bool
}

// NewDecoder makes a decoder whose table may grow to limit bytes: the value of
// the setting HEADER_TABLE_SIZE that the peer was sent.
func NewDecoder(limit int) Decoder {
	return Decoder{limit: limit, table: dynamic{max: limit}}
}

// Begin begins a block, which must be whole.
func (d *Decoder) Begin(block []byte) { d.block, d.begun = block, false }

// More reports whether the block has more.
func (d *Decoder) More() bool { return len(d.block) > 0 }

// Next decodes the next field; its strings are appended to memory. ok is false
// when there was only an instruction about the table. A nil memory has the field
// decoded for the table's sake only.
func (d *Decoder) Next(memory *[]byte) (f Field, ok bool, err error) {
	switch b := d.block[0]; {
	case b&0x80 != 0: // indexed field
		index, ok := d.integer(7)
		if !ok {
			return f, false, ErrMalformed
		}
		d.begun = true
		if f, ok = d.field(index); !ok {
			return f, false, ErrMalformed
		}
		if index > numStatic {
			f.Name, f.Value = keepName(memory, f), keep(memory, f.Value)
		}
		return f, true, nil
	case b&0xe0 == 0x20: // table size update
		size, ok := d.integer(5)
		if !ok || size > d.limit {
			return f, false, ErrMalformed
		}
		if d.begun {
			return f, false, errLateResize
		}
		d.table.resize(size)
		return f, false, nil
	case b&0xc0 == 0x40: // literal with incremental indexing
		if f, ok = d.literal(6, memory); !ok {
			return f, false, ErrMalformed
		}
		d.table.add(f)
		return f, true, nil
	default: // literal without indexing, or never indexed
		if f, ok = d.literal(4, memory); !ok {
			return f, false, ErrMalformed
		}
		return f, true, nil
	}
}

// field finds a field by its index.
func (d *Decoder) field(index int) (f Field, ok bool) {
	if index <= 0 {
		return f, false
	}
	if index <= numStatic {
		return static[index], true
	}
	return d.table.get(index - numStatic)
}

// literal decodes a field whose name is indexed or literal, and whose value is
// literal. The strings always lie in memory of their own, because the table may
// be changed by them.
func (d *Decoder) literal(prefix int, memory *[]byte) (f Field, ok bool) {
	d.begun = true
	index, ok := d.integer(prefix)
	if !ok {
		return f, false
	}
	var scratch []byte
	if memory == nil {
		memory = &scratch
	}
	if index > 0 {
		if f, ok = d.field(index); !ok {
			return f, false
		}
		if index > numStatic {
			f.Name = keepName(memory, f)
		}
	} else {
		if f.Name, ok = d.text(memory); !ok {
			return f, false
		}
		f.ID = message.Lookup(f.Name)
	}
	f.Value, ok = d.text(memory)
	return f, ok
}

// keep copies a string of the table.
func keep(memory *[]byte, s []byte) []byte {
	if memory == nil {
		return s
	}
	from := len(*memory)
	*memory = append(*memory, s...)
	return (*memory)[from:len(*memory):len(*memory)]
}

// keepName is keep for a name; known ones need no memory.
func keepName(memory *[]byte, f Field) []byte {
	if f.ID != message.HeaderOther && f.ID != message.HeaderXForwardedOther && string(f.Name) == f.ID.String() {
		return f.ID.Bytes()
	}
	return keep(memory, f.Name)
}

// text decodes a string literal.
func (d *Decoder) text(memory *[]byte) (s []byte, ok bool) {
	if len(d.block) == 0 {
		return nil, false
	}
	coded := d.block[0]&0x80 != 0
	n, ok := d.integer(7)
	if !ok || n > len(d.block) {
		return nil, false
	}
	raw := d.block[:n]
	d.block = d.block[n:]
	from := len(*memory)
	if coded {
		*memory, ok = appendDecoded(*memory, raw)
	} else {
		*memory = append(*memory, raw...)
	}
	return (*memory)[from:len(*memory):len(*memory)], ok
}

// maxInteger bounds integers: no length or index of ours comes near.
const maxInteger = 1 << 28

// integer decodes an integer with a prefix of that many bits (RFC 7541, section
// 5.1).
func (d *Decoder) integer(prefix int) (n int, ok bool) {
	if len(d.block) == 0 {
		return 0, false
	}
	mask := 1<<prefix - 1
	n = int(d.block[0]) & mask
	d.block = d.block[1:]
	if n < mask {
		return n, true
	}
	for shift := 0; shift <= 28; shift += 7 {
		if len(d.block) == 0 {
			return 0, false
		}
		b := d.block[0]
		d.block = d.block[1:]
		n += int(b&0x7f) << shift
		if n > maxInteger {
			return 0, false
		}
		if b&0x80 == 0 {
			return n, true
		}
	}
	return 0, false
}
