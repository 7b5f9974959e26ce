package filter

import (
	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// headerChange is a compiled ir.HeaderChange.
type headerChange struct {
	set, add []headerField
	remove   []message.Name
}

type headerField struct {
	name  message.Name
	value []byte
}

func compileChange(c *ir.HeaderChange) headerChange {
	var change headerChange
	for _, f := range c.Set {
		change.set = append(change.set, headerField{message.MakeName(f.Name), []byte(f.Value)})
	}
	for _, f := range c.Add {
		change.add = append(change.add, headerField{message.MakeName(f.Name), []byte(f.Value)})
	}
	for _, name := range c.Remove {
		change.remove = append(change.remove, message.MakeName(name))
	}
	return change
}

// owned reports whether a name is framing, which codecs write themselves and
// which therefore cannot be changed as a header line.
func owned(n *message.Name) bool {
	return n.ID != message.HeaderOther && n.ID <= message.HeaderHTTP2Settings && n.ID != message.HeaderTrailer
}

func (c *headerChange) apply(x *message.Exchange, h *message.Header) {
	for i := range c.set {
		if f := &c.set[i]; !owned(&f.name) {
			h.Set(&f.name, f.value)
		}
	}
	for i := range c.add {
		if f := &c.add[i]; !owned(&f.name) {
			c.addTo(x, h, f)
		}
	}
	for i := range c.remove {
		h.Remove(&c.remove[i])
	}
}

// addTo appends to the value that is there, so that a recipient that looks at
// one line only sees all of it. Set-Cookie cannot be joined (RFC 9110, section
// 5.3).
func (c *headerChange) addTo(x *message.Exchange, h *message.Header, f *headerField) {
	old, _, ok := h.Joined(&f.name, nil)
	if !ok || f.name.ID == message.HeaderSetCookie {
		h.Add(&f.name, f.value)
		return
	}
	value := append(x.Scratch(), old...)
	value = append(value, ',')
	value = append(value, f.value...)
	h.Set(&f.name, x.Keep(value))
}

type requestHeaders struct{ headerChange }

// Request implements Filter.
func (f *requestHeaders) Request(x *message.Exchange) error {
	f.apply(x, &x.Request.Header)
	for i := range f.set {
		if f.set[i].name.ID == message.HeaderHost {
			x.Request.Authority = f.set[i].value
		}
	}
	return nil
}

// Response implements Filter.
func (f *requestHeaders) Response(*message.Exchange) {}

type responseHeaders struct{ headerChange }

// Request implements Filter.
func (f *responseHeaders) Request(*message.Exchange) error { return nil }

// Response implements Filter.
func (f *responseHeaders) Response(x *message.Exchange) { f.apply(x, &x.Response.Header) }
