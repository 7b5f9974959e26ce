package http2

import (
	"errors"

	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
)

// Reasons for which this package refuses messages, beyond those of http1;
// docs/reasons.md explains each.
const (
	ReasonBadMessage = "bad_message"
	ReasonReset      = "client_reset"
)

// malformed makes an error about a request that is none (RFC 9113, section
// 8.1.1). Its stream is reset.
func malformed(detail string) *message.Reply {
	return &message.Reply{Status: 400, Reason: ReasonBadMessage, Cause: errors.New(detail)}
}

var (
	errPseudoOrder    = malformed("pseudo-header behind another field")
	errPseudoUnknown  = malformed("pseudo-header that does not exist or is not for this message")
	errPseudoTwice    = malformed("pseudo-header is given twice")
	errPseudoMissing  = malformed("pseudo-header is missing")
	errScheme         = malformed("scheme is not http or https")
	errFieldName      = malformed("field name is not a token in lower case")
	errFieldValue     = malformed("field value has a control character or white space at its ends")
	errConnSpecific   = malformed("field is about a connection, which HTTP/2 does not have")
	errContentLength  = malformed("content-length is not one number, or not the length of the content")
	errSelfDependency = malformed("stream depends on itself")
)

var (
	errBodyTooLarge = http1.ErrBodyTooLarge
	errProtocol501  = &message.Reply{Status: 501, Reason: http1.ReasonConnectRefused, Cause: errors.New("CONNECT with a protocol other than websocket")}
)

// fields reads a header block under limits. It keeps what is wrong with it first,
// and what it says about framing.
type fields struct {
	decoder *hpack.Decoder
	memory  *[]byte
	limits  *http1.Limits
	refusal *message.Reply
	// late is set once there was a field that is no pseudo-header.
	late   bool
	size   int
	count  int
	length int64 // -1 when absent
	cookie int   // how many crumbs
}

// readFields begins with a block; its strings go to memory.
func readFields(d *hpack.Decoder, block []byte, memory *[]byte, limits *http1.Limits) fields {
	d.Begin(block)
	return fields{decoder: d, memory: memory, limits: limits, length: -1}
}

// next is the next field to look at; ok is false when there is none. What follows
// something wrong is decoded for the table's sake only. An error is about the
// connection.
func (l *fields) next() (f hpack.Field, ok bool, err error) {
	for l.decoder.More() {
		memory := l.memory
		if l.refusal != nil {
			memory = nil
		}
		if f, ok, err = l.decoder.Next(memory); err != nil {
			return f, false, errCompression
		}
		if !ok {
			continue
		}
		l.size += f.Size()
		if !isPseudo(&f) {
			l.count++
		}
		switch {
		case l.size > 2*l.limits.Bytes:
			return f, false, errHeaderFlood
		case l.refusal != nil:
		case l.size > l.limits.Bytes || l.count > l.limits.Fields:
			l.refusal = http1.ErrTooLarge
		default:
			l.late = l.late || !isPseudo(&f)
			return f, true, nil
		}
	}
	return f, false, nil
}

func isPseudo(f *hpack.Field) bool { return len(f.Name) > 0 && f.Name[0] == ':' }

// regular checks a field that is no pseudo-header. keep says whether it belongs
// into the header list.
func (l *fields) regular(f *hpack.Field) (keep bool, err *message.Reply) {
	keep, err = http1.CheckName(f.Name, l.limits.Underscores)
	switch {
	case err == http1.ErrUnderscore:
		return false, err
	case err != nil, http1.HasUpper(f.Name):
		return false, errFieldName
	case !http1.ValidValue(f.Value):
		return false, errFieldValue
	}
	switch f.ID {
	case message.HeaderConnection, message.HeaderKeepAlive, message.HeaderProxyConnection, message.HeaderTransferEncoding, message.HeaderUpgrade:
		return false, errConnSpecific
	case message.HeaderTE:
		if string(f.Value) != "trailers" {
			return false, errConnSpecific
		}
		return false, nil
	case message.HeaderContentLength:
		n, ok := http1.ParseLength(f.Value)
		if !ok || l.length >= 0 {
			return false, errContentLength
		}
		l.length = n
		return false, nil
	case message.HeaderHTTP2Settings, message.HeaderHost, message.HeaderExpect:
		return false, nil
	case message.HeaderCookie:
		l.cookie++
	}
	return keep, nil
}

// joinCookies makes one field of the crumbs (RFC 9113, section 8.2.3).
func joinCookies(h *message.Header, memory *[]byte) {
	from, first := len(*memory), -1
	for i := range h.Fields() {
		f := &h.Fields()[i]
		if f.ID != message.HeaderCookie || f.Name == nil {
			continue
		}
		if first < 0 {
			first = i
		} else {
			*memory = append(*memory, "; "...)
		}
		*memory = append(*memory, f.Value...)
		if i != first {
			h.RemoveField(i)
		}
	}
	if first >= 0 {
		h.Fields()[first].Value = (*memory)[from:len(*memory):len(*memory)]
	}
}

// section is a trailer section and its memory.
type section struct {
	header message.Header
	memory []byte
}

// decode reads a header block that follows the content. What is wrong with it
// comes back as refusal; an error is about the connection.
func (t *section) decode(d *hpack.Decoder, block []byte, limits *http1.Limits) (refusal *message.Reply, err error) {
	t.header.Reset(nil)
	t.memory = t.memory[:0]
	l := readFields(d, block, &t.memory, limits)
	for {
		f, ok, err := l.next()
		if err != nil || !ok {
			return l.refusal, err
		}
		if isPseudo(&f) {
			l.refusal = errPseudoUnknown
			continue
		}
		var keep bool
		if keep, l.refusal = l.regular(&f); keep && mayTrail(f.ID) {
			t.header.AddField(f.ID, f.Name, f.Value)
		}
	}
}

// mayTrail reports whether a field may stand in a trailer section: those that
// routing, framing or authentication rest on may not (RFC 9110, section 6.5.1).
func mayTrail(id message.ID) bool {
	switch id {
	case message.HeaderAuthorization, message.HeaderCookie, message.HeaderSetCookie, message.HeaderTrailer, message.HeaderContentType:
		return false
	}
	return id == message.HeaderOther || id >= message.HeaderForwarded
}

// appendFields writes a header list, without what is about connections.
func appendFields(dst []byte, h *message.Header) []byte {
	for i := range h.Fields() {
		f := &h.Fields()[i]
		if f.Name == nil {
			continue
		}
		switch f.ID {
		case message.HeaderConnection, message.HeaderKeepAlive, message.HeaderProxyConnection, message.HeaderTransferEncoding,
			message.HeaderUpgrade, message.HeaderHost, message.HeaderHTTP2Settings, message.HeaderTE, message.HeaderContentLength:
			continue
		}
		dst = hpack.AppendField(dst, f.ID, f.Name, f.Value)
	}
	return dst
}
