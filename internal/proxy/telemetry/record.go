package telemetry

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Record is what is known about a finished request or relayed connection. Its
// slices are borrowed; a log copies what it keeps.
type Record struct {
	Listener string
	Client   netip.Addr
	Peer     netip.AddrPort
	Protocol string

	Method, Host, Path, Query []byte
	UserAgent, Referer        []byte
	Traceparent               []byte

	Status int
	// GRPCStatus is that of a gRPC call, as digits; empty for other requests.
	GRPCStatus []byte
	Reason     string
	// Cause is why the proxy made the reply, for people.
	Cause error

	Route, Backend string
	Endpoint       netip.AddrPort
	Attempts       []Attempt

	// Duration, Received and Sent are of the whole request.
	Duration       int64
	Received, Sent int64

	ServerName string
	TLSVersion string
}

// Attempt is one try at a backend, in nanoseconds since the request began.
type Attempt struct {
	Endpoint netip.AddrPort
	Backend  string
	// Begun, Connected and Answered are when the attempt was begun, had a
	// connection, and had the response head; Connected and Answered are 0 if that
	// never happened.
	Begun, Connected, Answered int64
	// Status of the response, or 0 with the Reason.
	Status int
	Reason string
}

// field writes one member of a log line; it writes nothing when there is nothing
// to say.
type field struct {
	name   string
	append func(dst []byte, r *Record) []byte
}

// fields are all members of an access log line, in their order. docs/logging.md
// explains them to users.
var fields = []field{
	{"listener", func(b []byte, r *Record) []byte { return text(b, r.Listener) }},
	{"client", func(b []byte, r *Record) []byte { return address(b, r.Client) }},
	{"peer", func(b []byte, r *Record) []byte { return endpoint(b, r.Peer) }},
	{"protocol", func(b []byte, r *Record) []byte { return text(b, r.Protocol) }},
	{"method", func(b []byte, r *Record) []byte { return text(b, r.Method) }},
	{"host", func(b []byte, r *Record) []byte { return text(b, r.Host) }},
	{"path", func(b []byte, r *Record) []byte { return text(b, r.Path) }},
	{"query", func(b []byte, r *Record) []byte { return text(b, r.Query) }},
	{"status", func(b []byte, r *Record) []byte { return number(b, int64(r.Status)) }},
	{"grpc_status", func(b []byte, r *Record) []byte { return text(b, r.GRPCStatus) }},
	{"reason", func(b []byte, r *Record) []byte { return text(b, r.Reason) }},
	{"cause", func(b []byte, r *Record) []byte {
		if r.Cause == nil {
			return b
		}
		return text(b, r.Cause.Error())
	}},
	{"route", func(b []byte, r *Record) []byte { return text(b, r.Route) }},
	{"backend", func(b []byte, r *Record) []byte { return text(b, r.Backend) }},
	{"endpoint", func(b []byte, r *Record) []byte { return endpoint(b, r.Endpoint) }},
	{"attempts", func(b []byte, r *Record) []byte {
		if len(r.Attempts) < 2 {
			return b
		}
		return number(b, int64(len(r.Attempts)))
	}},
	{"duration_ms", func(b []byte, r *Record) []byte { return millis(b, r.Duration) }},
	{"upstream_connect_ms", func(b []byte, r *Record) []byte { return upstreamTime(b, r, connectTime) }},
	{"upstream_response_ms", func(b []byte, r *Record) []byte { return upstreamTime(b, r, responseTime) }},
	{"received", func(b []byte, r *Record) []byte { return number(b, r.Received) }},
	{"sent", func(b []byte, r *Record) []byte { return number(b, r.Sent) }},
	{"user_agent", func(b []byte, r *Record) []byte { return text(b, r.UserAgent) }},
	{"referer", func(b []byte, r *Record) []byte { return text(b, r.Referer) }},
	{"trace_id", func(b []byte, r *Record) []byte {
		if len(r.Traceparent) < len("00-")+32 {
			return b
		}
		return text(b, r.Traceparent[3:35])
	}},
	{"server_name", func(b []byte, r *Record) []byte { return text(b, r.ServerName) }},
	{"tls_version", func(b []byte, r *Record) []byte { return text(b, r.TLSVersion) }},
}

// quietFields are left out unless asked for by name: they often carry secrets or
// personal data.
var quietFields = []string{"query", "referer", "peer"}

// FieldNames are the names of all members but the time.
func FieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// selectFields finds fields by name; no names means the usual ones.
func selectFields(names []string) ([]field, error) {
	var selected []field
	for _, f := range fields {
		if len(names) == 0 && !slices.Contains(quietFields, f.name) || slices.Contains(names, f.name) {
			selected = append(selected, f)
		}
	}
	for _, name := range names {
		if !slices.Contains(FieldNames(), name) {
			return nil, fmt.Errorf("access log has no field %q; there are %s", name, strings.Join(FieldNames(), ", "))
		}
	}
	return selected, nil
}

// appendRecord writes a line of JSON.
func appendRecord(dst []byte, r *Record, fields []field, now time.Time) []byte {
	dst = append(dst, `{"time":"`...)
	dst = now.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, '"')
	for i := range fields {
		mark := len(dst)
		dst = append(dst, `,"`...)
		dst = append(dst, fields[i].name...)
		dst = append(dst, `":`...)
		begin := len(dst)
		if dst = fields[i].append(dst, r); len(dst) == begin {
			dst = dst[:mark]
		}
	}
	return append(dst, "}\n"...)
}

func number(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// millis writes nanoseconds as milliseconds with three decimals.
func millis(b []byte, ns int64) []byte {
	us := ns / 1000
	b = strconv.AppendInt(b, us/1000, 10)
	f := us % 1000
	return append(b, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}

func address(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	return append(a.AppendTo(append(b, '"')), '"')
}

func endpoint(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return b
	}
	return append(a.AppendTo(append(b, '"')), '"')
}

func connectTime(a *Attempt) (int64, bool)  { return a.Connected - a.Begun, a.Connected != 0 }
func responseTime(a *Attempt) (int64, bool) { return a.Answered - a.Begun, a.Answered != 0 }

// upstreamTime writes a time of the last attempt.
func upstreamTime(b []byte, r *Record, of func(*Attempt) (int64, bool)) []byte {
	if len(r.Attempts) == 0 {
		return b
	}
	if t, ok := of(&r.Attempts[len(r.Attempts)-1]); ok {
		return millis(b, t)
	}
	return b
}

// text writes a JSON string. What a client sent may not be UTF-8: such bytes are
// written as the code points of the same number, so that nothing is lost and
// nothing can break out of the line.
func text[T string | []byte](b []byte, s T) []byte {
	if len(s) == 0 {
		return b
	}
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		}
		from = i + 1
	}
	return append(append(b, s[from:]...), '"')
}
