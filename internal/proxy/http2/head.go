package http2

import (
	"bytes"
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

// fields reads the fields of a header block under limits, and keeps what they
// say about framing.
type fields struct {
	limits *http1.Limits
	size   int
	count  int
	length int64 // -1 when absent
	cookie int   // how many crumbs
}

// tooLarge reports that the limits are passed.
func (l *fields) tooLarge() bool { return l.size > l.limits.Bytes || l.count > l.limits.Fields }

// next decodes the next field. Beyond the limits fields are decoded for the
// table's sake only.
func (l *fields) next(d *hpack.Decoder, memory *[]byte) (f hpack.Field, ok bool, err error) {
	if l.tooLarge() {
		memory = nil
	}
	if f, ok, err = d.Next(memory); err != nil {
		return f, false, errCompression
	}
	if !ok {
		return f, false, nil
	}
	l.size += f.Size()
	if len(f.Name) > 0 && f.Name[0] != ':' {
		l.count++
	}
	if l.size > 2*l.limits.Bytes {
		return f, false, errHeaderFlood
	}
	return f, true, nil
}

// regular checks a field that is no pseudo-header. keep says whether it belongs
// into the header list.
func (l *fields) regular(f *hpack.Field) (keep bool, err *message.Reply) {
	keep, err = http1.CheckName(f.Name, l.limits.Underscores)
	switch {
	case err != nil && err.Reason == http1.ReasonBadHeader && len(f.Name) > 0 && l.limits.Underscores == http1.RejectUnderscores && bytes.IndexByte(f.Name, '_') >= 0:
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
	l := fields{limits: limits, length: -1}
	t.header.Reset(nil)
	t.memory = t.memory[:0]
	for d.Begin(block); d.More(); {
		f, ok, err := l.next(d, &t.memory)
		if err != nil {
			return nil, err
		}
		if !ok || refusal != nil {
			continue
		}
		if l.tooLarge() {
			refusal = http1.ErrTooLarge
			continue
		}
		if len(f.Name) > 0 && f.Name[0] == ':' {
			refusal = errPseudoUnknown
			continue
		}
		keep, malformed := l.regular(&f)
		if malformed != nil {
			refusal = malformed
		} else if keep && mayTrail(f.ID) {
			t.header.AddField(f.ID, f.Name, f.Value)
		}
	}
	return refusal, nil
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
