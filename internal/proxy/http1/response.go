package http1

import "fsm/internal/proxy/message"

// ResponseInfo is what a response head says beyond the response itself.
type ResponseInfo struct {
	// Chunked, or a Length that is not negative, delimits the body; otherwise the
	// connection's end does, when HasBody is set.
	Chunked bool
	Length  int64
	HasBody bool
	// KeepAlive is set when the connection may be used again after the body.
	KeepAlive bool
	// Upgrade is the protocol that a 101 switches to.
	Upgrade []byte
}

// ParseResponse reads a response head from the start of buf. It returns the
// number of bytes that the head takes, or 0 when more are needed. The response
// refers to buf afterwards. head says that the request was a HEAD, whose answer
// has no body whatever it says (RFC 9112, section 6.3).
func ParseResponse(buf []byte, r *message.Response, info *ResponseInfo, lim *Limits, head bool) (int, *message.Reply) {
	pos, version10, err := parseStatusLine(buf, r)
	if err != nil {
		return 0, err
	}
	if pos == incomplete {
		return 0, responseTooLong(buf, lim)
	}
	f := framing{length: -1}
	r.Header.Reset(buf)
	end, err := parseFields(buf, pos, &r.Header, &f, lim, &responseErrors)
	if err != nil {
		return 0, err
	}
	if end == incomplete {
		return 0, responseTooLong(buf, lim)
	}
	if end > lim.Bytes {
		return 0, errResponseTooLarge
	}
	if f.connection.others > 0 {
		removeNamed(buf, pos, &r.Header)
	}
	if f.chunked && (f.lengths > 0 || version10) {
		return 0, errResponseFraming
	}
	info.Chunked, info.Length = f.chunked, f.length
	info.HasBody = !head && r.Status >= 200 && r.Status != 204 && r.Status != 304
	info.KeepAlive = !f.connection.close && (!version10 || f.connection.keepAlive)
	info.Upgrade = f.upgrade
	r.Body = nil
	r.Length = message.UnknownLength
	switch {
	case r.Status < 200 || r.Status == 204:
		r.Length = message.NoBody
		info.Chunked, info.Length = false, -1
	case f.length >= 0:
		r.Length = f.length
	case !info.HasBody && !f.chunked:
		r.Length = message.NoBody
	}
	if info.HasBody && !info.Chunked && info.Length < 0 {
		info.KeepAlive = false
	}
	return end, nil
}

func responseTooLong(buf []byte, lim *Limits) *message.Reply {
	if len(buf) >= lim.Bytes {
		return errResponseTooLarge
	}
	return nil
}

// parseStatusLine reads "HTTP/1.1 SP 200 SP reason CRLF"; the reason may be
// empty, and its space missing, as some servers leave it out.
func parseStatusLine(buf []byte, r *message.Response) (next int, version10 bool, err *message.Reply) {
	const prefix = "HTTP/1."
	n := min(len(buf), len(prefix))
	if string(buf[:n]) != prefix[:n] {
		return 0, false, errStatusLine
	}
	if len(buf) < len("HTTP/1.1 200\r\n") {
		return incomplete, false, nil
	}
	if buf[7] != '0' && buf[7] != '1' {
		return 0, false, errResponseVersion
	}
	if buf[8] != ' ' {
		return 0, false, errStatusLine
	}
	status := 0
	for _, c := range buf[9:12] {
		if c < '0' || c > '9' {
			return 0, false, errStatusLine
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 || buf[12] != ' ' && buf[12] != '\r' {
		return 0, false, errStatusLine
	}
	end := scanValue(buf, 12)
	if end+1 >= len(buf) {
		if end < len(buf) && buf[end] != '\r' {
			return 0, false, errStatusLine
		}
		return incomplete, false, nil
	}
	if buf[end] != '\r' || buf[end+1] != '\n' {
		return 0, false, errStatusLine
	}
	r.Status = status
	return end + 2, buf[7] == '0', nil
}
