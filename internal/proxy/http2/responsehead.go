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
	h.header.Reset(nil)
	h.memory, h.status = h.memory[:0], 0
	l := readFields(d, block, &h.memory, &http1.ResponseLimits)
	for {
		f, ok, err := l.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if isPseudo(&f) {
			l.refusal = h.setStatus(&f, l.late)
			continue
		}
		var keep bool
		if keep, l.refusal = l.regular(&f); keep {
			h.header.AddField(f.ID, f.Name, f.Value)
		}
	}
	if l.refusal == nil && h.status == 0 {
		l.refusal = errPseudoMissing
	}
	h.length = l.length
	return l.refusal, nil
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
