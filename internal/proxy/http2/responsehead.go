package http2

import (
	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
)

// responseHead is the head of a response as it came.
type responseHead struct {
	status int
	header message.Header
	length int64 // -1 when it was not said
	memory []byte
}

// decode reads a head. What is wrong with it comes back as malformed; an error is
// about the connection.
func (h *responseHead) decode(d *hpack.Decoder, block []byte) (malformed *message.Reply, err error) {
	l := fields{limits: &http1.ResponseLimits, length: -1}
	h.header.Reset(nil)
	h.memory, h.status = h.memory[:0], 0
	regular := false
	for d.Begin(block); d.More(); {
		f, ok, err := l.next(d, &h.memory)
		if err != nil {
			return nil, err
		}
		if !ok || malformed != nil {
			continue
		}
		if l.tooLarge() {
			malformed = http1.ErrTooLarge
			continue
		}
		if len(f.Name) > 0 && f.Name[0] == ':' {
			malformed = h.setStatus(&f, regular)
			continue
		}
		regular = true
		keep, refusal := l.regular(&f)
		if malformed = refusal; keep && refusal == nil {
			h.header.AddField(f.ID, f.Name, f.Value)
		}
	}
	if malformed == nil && h.status == 0 {
		malformed = errPseudoMissing
	}
	h.length = l.length
	return malformed, nil
}

func (h *responseHead) setStatus(f *hpack.Field, late bool) *message.Reply {
	switch {
	case string(f.Name) != ":status":
		return errPseudoUnknown
	case late:
		return errPseudoOrder
	case h.status != 0:
		return errPseudoTwice
	case len(f.Value) != 3:
		return errStatus
	}
	for _, c := range f.Value {
		if c < '0' || c > '9' {
			return errStatus
		}
		h.status = 10*h.status + int(c-'0')
	}
	if h.status < 100 {
		return errStatus
	}
	return nil
}
