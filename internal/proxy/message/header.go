package message

// Field is a header line. Its slices are leased: they are valid as long as the
// message is.
type Field struct {
	// Name as it came, or was set; nil marks a removed field.
	Name []byte
	// Value without leading and trailing white space.
	Value []byte
	// ID of the name.
	ID ID
	// start and end delimit the whole line in the header's block, when the line
	// stands there unchanged; end is 0 otherwise.
	start, end uint32
}

// Header is an ordered list of header lines.
type Header struct {
	fields []Field
	// block holds the lines of an HTTP/1 message as they came, so that a run of
	// unchanged lines is written with one copy.
	block []byte
	// seen has a bit for each ID that was ever added.
	seen uint64
}

// Reset empties the header for a new message, keeping the room for its list.
// The block is the memory that AddLine refers to; nil for HTTP/2.
func (h *Header) Reset(block []byte) {
	clear(h.fields)
	h.fields, h.block, h.seen = h.fields[:0], block, 0
}

// Fields is the list. Removed fields have a nil name.
func (h *Header) Fields() []Field { return h.fields }

// Has reports whether a field with the ID may be present. It never misses one,
// but may report one that was removed.
func (h *Header) Has(id ID) bool { return h.seen&(1<<id) != 0 }

// Count is the number of fields.
func (h *Header) Count() int {
	n := 0
	for i := range h.fields {
		if h.fields[i].Name != nil {
			n++
		}
	}
	return n
}

// AddLine appends a field whose line is block[start:end]. For codecs.
func (h *Header) AddLine(id ID, name, value []byte, start, end int) {
	h.fields = append(h.fields, Field{Name: name, Value: value, ID: id, start: uint32(start), end: uint32(end)})
	h.seen |= 1 << id
}

// Add appends a line. The slices are kept.
func (h *Header) Add(n *Name, value []byte) { h.AddField(n.ID, n.Text, value) }

// AddField appends a line with a name that is already looked up.
func (h *Header) AddField(id ID, name, value []byte) {
	h.fields = append(h.fields, Field{Name: name, Value: value, ID: id})
	h.seen |= 1 << id
}

// Get is the value of the first line of that name.
func (h *Header) Get(n *Name) (value []byte, ok bool) {
	if !h.Has(n.ID) {
		return nil, false
	}
	for i := range h.fields {
		if f := &h.fields[i]; f.Name != nil && n.is(f) {
			return f.Value, true
		}
	}
	return nil, false
}

// GetID is Get for a known name.
func (h *Header) GetID(id ID) (value []byte, ok bool) {
	if !h.Has(id) {
		return nil, false
	}
	for i := range h.fields {
		if f := &h.fields[i]; f.ID == id && f.Name != nil {
			return f.Value, true
		}
	}
	return nil, false
}

// Joined is the value of all lines of that name, joined by commas (RFC 9110,
// section 5.3). Several lines are joined in the scratch buffer, which is
// returned for further use.
func (h *Header) Joined(n *Name, scratch []byte) (value, rest []byte, ok bool) {
	if !h.Has(n.ID) {
		return nil, scratch, false
	}
	joined := false
	start := len(scratch)
	for i := range h.fields {
		f := &h.fields[i]
		if f.Name == nil || !n.is(f) {
			continue
		}
		switch {
		case !ok:
			value, ok = f.Value, true
			continue
		case !joined:
			scratch = append(scratch, value...)
			joined = true
		}
		scratch = append(append(scratch, ','), f.Value...)
	}
	if joined {
		value = scratch[start:]
	}
	return value, scratch, ok
}

// Set replaces all lines of that name by one, in the place of the first.
func (h *Header) Set(n *Name, value []byte) {
	if h.Has(n.ID) {
		found := false
		for i := range h.fields {
			f := &h.fields[i]
			if f.Name == nil || !n.is(f) {
				continue
			}
			if found {
				f.Name, f.end = nil, 0
				continue
			}
			found = true
			f.Value, f.end = value, 0
		}
		if found {
			return
		}
	}
	h.Add(n, value)
}

// Remove removes all lines of that name.
func (h *Header) Remove(n *Name) {
	if !h.Has(n.ID) {
		return
	}
	for i := range h.fields {
		if f := &h.fields[i]; f.Name != nil && n.is(f) {
			f.Name, f.end = nil, 0
		}
	}
}

// RemoveID is Remove for a known name.
func (h *Header) RemoveID(id ID) {
	if !h.Has(id) {
		return
	}
	for i := range h.fields {
		if f := &h.fields[i]; f.ID == id {
			f.Name, f.end = nil, 0
		}
	}
	h.seen &^= 1 << id
}

// RemoveField removes the field at an index of Fields.
func (h *Header) RemoveField(i int) { h.fields[i].Name, h.fields[i].end = nil, 0 }

// CopyFrom makes h an independent copy of src, sharing the bytes.
func (h *Header) CopyFrom(src *Header) {
	h.fields = append(h.fields[:0], src.fields...)
	h.block, h.seen = src.block, src.seen
}

// AppendHTTP1 writes the lines in HTTP/1 form, runs of unchanged lines at once.
func (h *Header) AppendHTTP1(dst []byte) []byte {
	var from, to uint32 // the run not written yet
	for i := range h.fields {
		f := &h.fields[i]
		if f.end != 0 {
			if f.start != to {
				dst = append(dst, h.block[from:to]...)
				from = f.start
			}
			to = f.end
			continue
		}
		if f.Name == nil {
			continue
		}
		dst = append(dst, h.block[from:to]...)
		from, to = 0, 0
		dst = AppendLine(dst, f.Name, f.Value)
	}
	return append(dst, h.block[from:to]...)
}

// AppendLine writes one header line in HTTP/1 form.
func AppendLine(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}
