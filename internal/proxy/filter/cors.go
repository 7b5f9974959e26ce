package filter

import (
	"bytes"
	"strconv"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// ReasonPreflight marks answers to CORS preflight requests.
const ReasonPreflight = "cors_preflight"

// cors implements the server's side of the Fetch standard's CORS protocol.
type cors struct {
	anyOrigin   bool
	origins     []originPattern
	methods     allowList
	headers     allowList
	expose      allowList
	maxAge      []byte
	credentials bool
}

// originPattern is an exact origin, or one whose host is or begins with a "*".
type originPattern struct {
	before, after string
	wildcard      bool
}

// allowList is a list that is sent as it is, or "*".
type allowList struct {
	value []byte
	any   bool
}

var (
	allowOriginName      = message.MakeName("Access-Control-Allow-Origin")
	allowMethodsName     = message.MakeName("Access-Control-Allow-Methods")
	allowHeadersName     = message.MakeName("Access-Control-Allow-Headers")
	allowCredentialsName = message.MakeName("Access-Control-Allow-Credentials")
	exposeHeadersName    = message.MakeName("Access-Control-Expose-Headers")
	maxAgeName           = message.MakeName("Access-Control-Max-Age")
	varyName             = message.MakeName("Vary")

	originVary = []byte("Origin")
	anyValue   = []byte("*")
	trueValue  = []byte("true")
	comma      = []byte(",")
)

func newCORS(f *ir.CORS) *cors {
	c := &cors{
		methods: newAllowList(f.AllowMethods), headers: newAllowList(f.AllowHeaders),
		expose: newAllowList(f.ExposeHeaders), credentials: f.AllowCredentials,
	}
	if f.MaxAge > 0 {
		c.maxAge = strconv.AppendUint(nil, uint64(f.MaxAge), 10)
	}
	for _, origin := range f.AllowOrigins {
		if origin == "*" {
			c.anyOrigin = true
			continue
		}
		before, after, wildcard := strings.Cut(withoutImpliedPort(origin), "*")
		c.origins = append(c.origins, originPattern{before, after, wildcard})
	}
	return c
}

// withoutImpliedPort writes an origin as browsers do: without the port that its
// scheme implies (HTML standard, serialization of an origin).
func withoutImpliedPort(origin string) string {
	if strings.HasPrefix(origin, "https:") {
		return strings.TrimSuffix(origin, ":443")
	}
	return strings.TrimSuffix(origin, ":80")
}

func newAllowList(list []string) allowList {
	for _, v := range list {
		if v == "*" {
			return allowList{value: anyValue, any: true}
		}
	}
	return allowList{value: []byte(strings.Join(list, ", "))}
}

// allows reports whether requests from an origin are wanted.
func (c *cors) allows(origin []byte) bool {
	if c.anyOrigin {
		return true
	}
	for i := range c.origins {
		if c.origins[i].covers(origin) {
			return true
		}
	}
	return false
}

// covers compares an origin. The "*" takes any number of labels but no port: an
// origin without one means the port of its scheme (HTTPCORSFilter.AllowOrigins).
func (p *originPattern) covers(origin []byte) bool {
	if !p.wildcard {
		return bytes.EqualFold(origin, []byte(p.before))
	}
	i, j := len(p.before), len(origin)-len(p.after)
	return i < j && bytes.EqualFold(origin[:i], []byte(p.before)) && bytes.EqualFold(origin[j:], []byte(p.after)) &&
		len(hostOf(origin[i:j])) == j-i
}

// Request implements Filter: it answers preflight requests.
func (c *cors) Request(x *message.Exchange) error {
	h := &x.Request.Header
	origin, ok := h.GetID(message.HeaderOrigin)
	x.Origin = origin
	method, preflight := h.GetID(message.HeaderAccessControlRequestMethod)
	if !ok || !preflight || string(x.Request.Method) != "OPTIONS" {
		return nil
	}
	reply := &message.Reply{Status: 204, Reason: ReasonPreflight}
	if !c.allows(origin) {
		return reply
	}
	add := func(n message.Name, value []byte) {
		if len(value) > 0 {
			reply.Header = append(reply.Header, message.Field{Name: n.Text, Value: value, ID: n.ID})
		}
	}
	headers, _ := h.GetID(message.HeaderAccessControlRequestHeaders)
	add(allowMethodsName, c.methods.answer(method, c.credentials))
	add(allowHeadersName, c.headers.answer(headers, c.credentials))
	add(maxAgeName, c.maxAge)
	return reply
}

// answer is the list, or in place of "*" what was asked for, because "*" means
// nothing when credentials are allowed (Fetch standard, section 3.3.4).
func (l *allowList) answer(asked []byte, credentials bool) []byte {
	if l.any && credentials {
		return asked
	}
	return l.value
}

// Response implements Filter: it marks responses, and takes off the marks of a
// backend, so that there is one opinion.
func (c *cors) Response(x *message.Exchange) {
	h := &x.Response.Header
	h.Remove(&allowOriginName)
	h.Remove(&allowCredentialsName)
	h.Remove(&exposeHeadersName)
	if !c.anyOrigin || c.credentials {
		vary(h)
	}
	origin := x.Origin
	if origin == nil || !c.allows(origin) {
		return
	}
	if c.anyOrigin && !c.credentials {
		origin = anyValue
	}
	h.Add(&allowOriginName, origin)
	if c.credentials {
		h.Add(&allowCredentialsName, trueValue)
	}
	if len(c.expose.value) > 0 && !(c.expose.any && c.credentials) {
		h.Add(&exposeHeadersName, c.expose.value)
	}
}

// vary tells caches that the response depends on the origin.
func vary(h *message.Header) {
	for i := range h.Fields() {
		if f := &h.Fields()[i]; f.Name != nil && f.ID == message.HeaderVary && listsOrigin(f.Value) {
			return
		}
	}
	h.Add(&varyName, originVary)
}

// listsOrigin reports whether a Vary value names Origin, or everything.
func listsOrigin(value []byte) bool {
	for item := range bytes.SplitSeq(value, comma) {
		if item = bytes.TrimSpace(item); bytes.EqualFold(item, originVary) || bytes.Equal(item, anyValue) {
			return true
		}
	}
	return false
}
