package message

// ID is a header name that some part of the proxy cares about. Names without an
// ID are compared by their bytes.
type ID uint8

// Known header names. Framing and hop-by-hop names come first.
const (
	HeaderOther ID = iota
	HeaderHost
	HeaderConnection
	HeaderContentLength
	HeaderTransferEncoding
	HeaderTE
	HeaderTrailer
	HeaderUpgrade
	HeaderKeepAlive
	HeaderProxyConnection
	HeaderExpect
	HeaderHTTP2Settings

	HeaderForwarded
	HeaderXForwardedFor
	HeaderXForwardedProto
	HeaderXForwardedHost
	HeaderXForwardedPort
	HeaderXForwardedOther // any other name that begins with "x-forwarded-"
	HeaderXRealIP

	HeaderAuthorization
	HeaderCookie
	HeaderSetCookie
	HeaderOrigin
	HeaderAccessControlRequestMethod
	HeaderAccessControlRequestHeaders
	HeaderContentType
	HeaderUserAgent
	HeaderTraceparent
	HeaderVary
	HeaderDate
	HeaderServer

	numIDs
)

// names are the known names in lower case, by ID.
var names = [numIDs]string{
	HeaderHost:                        "host",
	HeaderConnection:                  "connection",
	HeaderContentLength:               "content-length",
	HeaderTransferEncoding:            "transfer-encoding",
	HeaderTE:                          "te",
	HeaderTrailer:                     "trailer",
	HeaderUpgrade:                     "upgrade",
	HeaderKeepAlive:                   "keep-alive",
	HeaderProxyConnection:             "proxy-connection",
	HeaderExpect:                      "expect",
	HeaderHTTP2Settings:               "http2-settings",
	HeaderForwarded:                   "forwarded",
	HeaderXForwardedFor:               "x-forwarded-for",
	HeaderXForwardedProto:             "x-forwarded-proto",
	HeaderXForwardedHost:              "x-forwarded-host",
	HeaderXForwardedPort:              "x-forwarded-port",
	HeaderXRealIP:                     "x-real-ip",
	HeaderAuthorization:               "authorization",
	HeaderCookie:                      "cookie",
	HeaderSetCookie:                   "set-cookie",
	HeaderOrigin:                      "origin",
	HeaderAccessControlRequestMethod:  "access-control-request-method",
	HeaderAccessControlRequestHeaders: "access-control-request-headers",
	HeaderContentType:                 "content-type",
	HeaderUserAgent:                   "user-agent",
	HeaderTraceparent:                 "traceparent",
	HeaderVary:                        "vary",
	HeaderDate:                        "date",
	HeaderServer:                      "server",
}

// String is the name in lower case.
func (id ID) String() string { return names[id] }

// Bytes is the same as bytes, which must not be changed.
func (id ID) Bytes() []byte { return nameBytes[id] }

var nameBytes = func() (b [numIDs][]byte) {
	for id, name := range names {
		b[id] = []byte(name)
	}
	return b
}()

// idsByLength lists the IDs whose names have that many bytes.
var idsByLength = func() (byLength [32][]ID) {
	for id, name := range names {
		if name != "" {
			byLength[len(name)] = append(byLength[len(name)], ID(id))
		}
	}
	return byLength
}()

const forwardedPrefix = "x-forwarded-"

// Lookup finds the ID of a name, without regard to case.
func Lookup(name []byte) ID {
	if len(name) >= len(idsByLength) {
		return lookupLong(name)
	}
	for _, id := range idsByLength[len(name)] {
		if names[id][0] == name[0]|0x20 && EqualFold(name, names[id]) {
			return id
		}
	}
	return lookupLong(name)
}

func lookupLong(name []byte) ID {
	if len(name) > len(forwardedPrefix) && name[0]|0x20 == 'x' && EqualFold(name[:len(forwardedPrefix)], forwardedPrefix) {
		return HeaderXForwardedOther
	}
	return HeaderOther
}

// EqualFold compares a header name with one in lower case.
func EqualFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := 0; i < len(lower); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// Name is a header name prepared for comparing and writing.
type Name struct {
	// ID is Other for names without one.
	ID ID
	// Text as it is written, for HTTP/1.
	Text []byte
	// Lower is the name in lower case.
	Lower string
}

// MakeName prepares a name.
func MakeName(text string) Name {
	lower := []byte(text)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c | 0x20
		}
	}
	return Name{ID: Lookup([]byte(text)), Text: []byte(text), Lower: string(lower)}
}

// is reports whether a field has this name.
func (n *Name) is(f *Field) bool {
	if n.ID != f.ID {
		return false
	}
	if n.ID != HeaderOther && n.ID != HeaderXForwardedOther {
		return true
	}
	return EqualFold(f.Name, n.Lower)
}
