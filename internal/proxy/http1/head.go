package http1

import "fsm/internal/proxy/message"

// Limits of a message head.
type Limits struct {
	// Bytes of start line and header section together.
	Bytes int
	// Fields is the number of header lines.
	Fields int
	// Underscores says what happens to names with an underscore.
	Underscores Underscores
	// Paths says what happens to dot segments in requests.
	Paths Paths
}

// Underscores is what happens to header names with an underscore.
type Underscores uint8

// Policies for underscores.
const (
	DropUnderscores Underscores = iota
	RejectUnderscores
	AllowUnderscores
)

// framing collects what the header section says about the connection and the
// body, while it is read.
type framing struct {
	host       []byte
	hosts      int
	length     int64 // -1 when absent
	lengths    int
	codings    int
	chunked    bool
	connection connectionTokens
	upgrade    []byte
	te         bool
	expects    bool
}

// connectionTokens are the members of the Connection header.
type connectionTokens struct {
	close     bool
	keepAlive bool
	upgrade   bool
	// others counts further tokens; they name header lines to be taken out.
	others int
}

// maxConnectionTokens bounds the work of taking out header lines that the
// Connection header names.
const maxConnectionTokens = 16

// fieldErrors are what to return for each defect; requests and responses differ
// in status and reason.
type fieldErrors struct {
	bareLF, fold, name, colonSpace, colon, value, underscore, tooMany *message.Reply
	length, twoLengths, coding, twoCodings, expect                    *message.Reply
}

var requestErrors = fieldErrors{
	bareLF: errBareLF, fold: errFold, name: errName, colonSpace: errColonSpace, colon: errColon,
	value: errValue, underscore: errUnderscore, tooMany: errTooMany,
	length: errLength, twoLengths: errTwoLengths, coding: errCoding, twoCodings: errTwoCodings, expect: errExpect,
}

var responseErrors = fieldErrors{
	bareLF: errResponseHeader, fold: errResponseHeader, name: errResponseHeader, colonSpace: errResponseHeader,
	colon: errResponseHeader, value: errResponseHeader, underscore: errResponseHeader, tooMany: errResponseTooLarge,
	length: errResponseFraming, twoLengths: errResponseFraming, coding: errResponseFraming, twoCodings: errResponseFraming,
	expect: errResponseHeader,
}

// incomplete is the position that parsers return when more bytes are needed.
const incomplete = 0

// parseFields reads header lines from buf[pos:] up to and including the empty
// line, and returns the position after it, or incomplete.
func parseFields(buf []byte, pos int, h *message.Header, f *framing, lim *Limits, errs *fieldErrors) (int, *message.Reply) {
	fields := 0
	for {
		if pos >= len(buf) {
			return incomplete, nil
		}
		switch buf[pos] {
		case '\r':
			if pos+1 >= len(buf) {
				return incomplete, nil
			}
			if buf[pos+1] != '\n' {
				return 0, errs.value
			}
			return pos + 2, nil
		case '\n':
			return 0, errs.bareLF
		case ' ', '\t':
			return 0, errs.fold
		}
		if fields++; fields > lim.Fields {
			return 0, errs.tooMany
		}
		name, value, classes, next, err := parseLine(buf, pos, errs)
		if err != nil || next == incomplete {
			return incomplete, err
		}
		if classes&charUnderscore != 0 && lim.Underscores != AllowUnderscores {
			if lim.Underscores == RejectUnderscores {
				return 0, errs.underscore
			}
			pos = next
			continue
		}
		id := message.Lookup(name)
		if id <= message.HeaderHTTP2Settings && id != message.HeaderOther {
			keep, err := f.field(id, value, errs)
			if err != nil {
				return 0, err
			}
			if !keep {
				pos = next
				continue
			}
		}
		h.AddLine(id, name, value, pos, next)
		pos = next
	}
}

// parseLine reads one header line. The classes are those of all characters of
// the name, together.
func parseLine(buf []byte, pos int, errs *fieldErrors) (name, value []byte, classes uint8, next int, err *message.Reply) {
	i := pos
	for i < len(buf) && chars[buf[i]]&charToken != 0 {
		classes |= chars[buf[i]]
		i++
	}
	if i == len(buf) {
		return nil, nil, 0, incomplete, nil
	}
	if buf[i] != ':' {
		return nil, nil, 0, 0, lineError(buf, i, errs)
	}
	if i == pos {
		return nil, nil, 0, 0, errs.name
	}
	name = buf[pos:i]
	start := i + 1
	end := scanValue(buf, start)
	if end == len(buf) {
		return nil, nil, 0, incomplete, nil
	}
	if buf[end] != '\r' {
		if buf[end] == '\n' {
			return nil, nil, 0, 0, errs.bareLF
		}
		return nil, nil, 0, 0, errs.value
	}
	if end+1 == len(buf) {
		return nil, nil, 0, incomplete, nil
	}
	if buf[end+1] != '\n' {
		return nil, nil, 0, 0, errs.value
	}
	return name, trim(buf[start:end]), classes, end + 2, nil
}

// lineError says what is wrong with a line whose name ends at i without a colon.
func lineError(buf []byte, i int, errs *fieldErrors) *message.Reply {
	switch buf[i] {
	case ' ', '\t':
		for ; i < len(buf) && (buf[i] == ' ' || buf[i] == '\t'); i++ {
		}
		if i < len(buf) && buf[i] == ':' {
			return errs.colonSpace
		}
		return errs.name
	case '\r', '\n':
		return errs.colon
	}
	return errs.name
}

// field takes in a line about framing. keep says whether the line stays in the
// header list.
func (f *framing) field(id message.ID, value []byte, errs *fieldErrors) (keep bool, err *message.Reply) {
	switch id {
	case message.HeaderHost:
		f.host = value
		f.hosts++
	case message.HeaderContentLength:
		if f.lengths++; f.lengths > 1 {
			return false, errs.twoLengths
		}
		n, ok := parseLength(value)
		if !ok {
			return false, errs.length
		}
		f.length = n
	case message.HeaderTransferEncoding:
		if f.codings++; f.codings > 1 {
			return false, errs.twoCodings
		}
		if !equalFold(value, "chunked") {
			return false, errs.coding
		}
		f.chunked = true
	case message.HeaderConnection, message.HeaderProxyConnection:
		f.connection.add(value)
		if f.connection.others > maxConnectionTokens {
			return false, errs.tooMany
		}
	case message.HeaderUpgrade:
		f.upgrade = value
	case message.HeaderTE:
		for token := []byte(nil); len(value) > 0; {
			token, value = nextToken(value)
			f.te = f.te || equalFold(token, "trailers")
		}
	case message.HeaderExpect:
		if !equalFold(value, "100-continue") {
			return false, errs.expect
		}
		f.expects = true
	case message.HeaderTrailer:
		return true, nil
	}
	return false, nil
}

func (t *connectionTokens) add(list []byte) {
	for token := []byte(nil); len(list) > 0; {
		token, list = nextToken(list)
		switch {
		case equalFold(token, "close"):
			t.close = true
		case equalFold(token, "keep-alive"):
			t.keepAlive = true
		case equalFold(token, "upgrade"):
			t.upgrade = true
		case len(token) > 0 && !equalFold(token, "te") && !equalFold(token, "http2-settings"):
			t.others++
		}
	}
}

// parseLength reads a Content-Length: digits, no sign, no leading zero.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// removeNamed takes out the header lines that the Connection header of the raw
// head names, as RFC 9110, section 7.6.1 demands, except for those that a sender
// must not be able to take away from what this proxy or one before it has set.
func removeNamed(buf []byte, from int, h *message.Header) {
	for pos := from; pos < len(buf) && buf[pos] != '\r'; {
		name, value, _, next, err := parseLine(buf, pos, &requestErrors)
		if err != nil || next == incomplete {
			return
		}
		if id := message.Lookup(name); id == message.HeaderConnection || id == message.HeaderProxyConnection {
			for token := []byte(nil); len(value) > 0; {
				token, value = nextToken(value)
				var t connectionTokens
				if t.add(token); t.others > 0 && !protected(token) {
					n := message.MakeName(string(token))
					h.Remove(&n)
				}
			}
		}
		pos = next
	}
}

// protected reports whether a header line may not be removed by naming it in
// Connection.
func protected(name []byte) bool {
	if message.Lookup(name) != message.HeaderOther {
		return true
	}
	for _, p := range protectedNames {
		if equalFold(name, p) {
			return true
		}
	}
	return len(name) >= 8 && equalFold(name[:8], "content-")
}

// protectedNames are end-to-end fields without an ID whose loss would change the
// meaning of a message or what is known about its sender.
var protectedNames = []string{
	"accept", "accept-encoding", "age", "cache-control", "etag", "expires", "if-match", "if-modified-since",
	"if-none-match", "if-range", "if-unmodified-since", "last-modified", "location", "max-forwards", "pragma",
	"proxy-authenticate", "proxy-authorization", "range", "referer", "tracestate", "via", "www-authenticate",
	"x-request-id",
}
