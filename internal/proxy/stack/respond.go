package stack

import (
	"errors"
	"strings"
	"time"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
)

// Reasons of replies that this package makes; docs/reasons.md explains each.
const (
	ReasonNoHost      = "no_host"
	ReasonNoRoute     = "no_route"
	ReasonMisdirected = "misdirected"
	ReasonInternal    = "internal"
	ReasonOverload    = "overload"
)

// send writes the response to the client and ends the use of the backend.
func send(env *Env) layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			err := next(x)
			x.Close = env.Memory.Tight()
			if err == nil {
				err = x.Downstream.Respond(&x.Response)
			}
			if err == nil && x.host.log != nil && x.isGRPC() {
				x.noteStatus()
			}
			x.releaseUpstream(err == nil)
			if err == nil {
				return nil
			}
			reply, ok := errors.AsType[*message.Reply](err)
			if !ok {
				return err
			}
			x.Reason, x.cause = reply.Reason, reply.Cause
			if x.Response.Upgraded && reply.Status != 0 {
				// The switch was not made, so an ordinary answer is still possible.
				x.reply(reply)
				return x.Downstream.Respond(&x.Response)
			}
			return err
		}
	}
}

// respond turns errors into responses. Whoever saw the request, by order of the
// route, sees the response too, whether a backend made it or the proxy.
func respond() layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			if err := next(x); err != nil {
				reply, ok := errors.AsType[*message.Reply](err)
				if !ok {
					reply = &message.Reply{Status: 500, Reason: ReasonInternal, Cause: err}
				}
				x.Reason, x.cause = reply.Reason, reply.Cause
				if reply.Status == 0 {
					return err
				}
				x.releaseUpstream(false)
				x.reply(reply)
			}
			for i := len(x.applied) - 1; i >= 0; i-- {
				x.applied[i].Response(&x.Exchange)
			}
			return nil
		}
	}
}

var (
	reasonName      = message.MakeName("Fsm-Reason")
	dateName        = message.MakeName("Date")
	contentTypeName = message.MakeName("Content-Type")
	plainText       = []byte("text/plain; charset=utf-8")
)

// reply makes the response that the proxy gives itself.
func (x *exchange) reply(reply *message.Reply) {
	r := &x.Response
	r.Header.Reset(nil)
	r.Status, r.Upgraded = reply.Status, false
	r.Header.Add(&dateName, x.Keep(time.Now().UTC().AppendFormat(x.Scratch(), httpDate)))
	for _, f := range reply.Header {
		r.Header.AddField(f.ID, f.Name, f.Value)
	}
	r.Header.Add(&reasonName, x.Keep(append(x.Scratch(), reply.Reason...)))
	body := reply.Body
	if body == "" && reply.Status >= 400 && !reply.Bare {
		body = sentence(http1.ReasonPhrase(reply.Status))
	}
	if x.isGRPC() {
		x.replyGRPC(reply, body)
		return
	}
	r.Body, r.Length = nil, 0
	if body != "" {
		r.Header.Add(&contentTypeName, plainText)
		r.Body, r.Length = &message.BytesBody{Content: []byte(body)}, int64(len(body))
	}
}

// httpDate is the format of RFC 9110, section 5.6.7.
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// sentence is "Not found" for "Not Found".
func sentence(phrase string) string {
	if phrase == "" {
		return phrase
	}
	return phrase[:1] + strings.ToLower(phrase[1:])
}
