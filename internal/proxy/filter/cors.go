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

// originPattern is an exact origin, or one whose host begins with "*.".
type originPattern struct{ before, after string }

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
		before, after, wildcard := strings.Cut(origin, "*")
		if origin == "*" {
			c.anyOrigin = true
		} else if wildcard {
			c.origins = append(c.origins, originPattern{before, after})
		} else {
			c.origins = append(c.origins, originPattern{before: origin})
		}
	}
	return c
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
	for _, p := range c.origins {
		if p.after == "" {
			if bytes.EqualFold(origin, []byte(p.before)) {
				return true
			}
			continue
		}
		if len(origin) > len(p.before)+len(p.after) && bytes.EqualFold(origin[:len(p.before)], []byte(p.before)) &&
			bytes.EqualFold(origin[len(origin)-len(p.after):], []byte(p.after)) {
			return true
		}
	}
	return false
}

// Request implements Filter: it answers preflight requests.
func (c *cors) Request(x *message.Exchange) error {
	h := &x.Request.Header
	if string(x.Request.Method) != "OPTIONS" || !h.Has(message.HeaderOrigin) || !h.Has(message.HeaderAccessControlRequestMethod) {
		return nil
	}
	origin, _ := h.GetID(message.HeaderOrigin)
	reply := &message.Reply{Status: 204, Reason: ReasonPreflight}
	if !c.allows(origin) {
		return reply
	}
	add := func(n message.Name, value []byte) {
		if len(value) > 0 {
			reply.Header = append(reply.Header, message.Field{Name: n.Text, Value: value, ID: n.ID})
		}
	}
	method, _ := h.GetID(message.HeaderAccessControlRequestMethod)
	headers, _ := h.GetID(message.HeaderAccessControlRequestHeaders)
	add(allowMethodsName, c.methods.answer(method, c.credentials))
	add(allowHeadersName, c.headers.answer(headers, c.credentials))
	add(maxAgeName, c.maxAge)
	return reply
}

// answer is the list, or in place of "*" what was asked for, because "*" means
// nothing when credentials are allowed (Fetch standard, section 3.3.4).
func (l *allowList) answer(asked []byte, credentials bool) []byte {
	if l.any && credentials && len(asked) > 0 {
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
	origin, ok := x.Request.Header.GetID(message.HeaderOrigin)
	if !c.anyOrigin || c.credentials {
		c.vary(x)
	}
	if !ok || !c.allows(origin) {
		return
	}
	if c.anyOrigin && !c.credentials {
		origin = anyValue
	}
	h.Add(&allowOriginName, origin)
	if c.credentials {
		h.Add(&allowCredentialsName, trueValue)
	}
	if len(c.expose.value) > 0 {
		h.Add(&exposeHeadersName, c.expose.value)
	}
}

// vary tells caches that the response depends on the origin.
func (c *cors) vary(x *message.Exchange) {
	h := &x.Response.Header
	if old, ok := h.Get(&varyName); ok {
		if bytes.Contains(bytes.ToLower(old), []byte("origin")) {
			return
		}
		h.Set(&varyName, x.Keep(append(append(append(x.Scratch(), old...), ", "...), originVary...)))
		return
	}
	h.Add(&varyName, originVary)
}
