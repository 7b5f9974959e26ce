package script

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"fsm/test/behavior/standin"
)

// Server is what a script says that one port does. It is an http.Handler.
type Server struct {
	Port int

	// answer makes the response to a request.
	answer value
	log    io.Writer
}

// value is a part of a script, which has a value for each request.
type value func(*exchange) any

// message is what Message is in a script. A value is one of these or a string.
type message struct {
	status int
	body   string
	// contentType is that of the request, when it is sent back.
	contentType string
}

// exchange is what the values of a script follow from.
type exchange struct {
	request *http.Request
	body    string
	log     io.Writer
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	answer := asMessage(s.answer(&exchange{request: r, body: string(body), log: s.log}))
	// Pipy adds neither, and net/http does so only if told nothing.
	w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
	if answer.contentType != "" {
		w.Header().Set("Content-Type", answer.contentType)
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

// asMessage is what Pipy makes of what a handler returns.
func asMessage(v any) message {
	if m, ok := v.(message); ok {
		return m
	}
	return message{status: http.StatusOK, body: asText(v)}
}

func asText(v any) string {
	if m, ok := v.(message); ok {
		return m.body
	}
	return fmt.Sprint(v)
}

// The values that there are.

func constant(s string) value { return func(*exchange) any { return s } }

// environment is a variable of the process; one that is not set is undefined, which
// reads so when it is put into a string.
func environment(variable string) value {
	v, ok := os.LookupEnv(variable)
	if !ok {
		v = "undefined"
	}
	return constant(v)
}

func sum(a, b value) value {
	return func(e *exchange) any { return asText(a(e)) + asText(b(e)) }
}

// last evaluates all values, and is the last one.
func last(values []value) value {
	return func(e *exchange) (result any) {
		for _, v := range values {
			result = v(e)
		}
		return result
	}
}

func newMessage(status int, body value) value {
	return func(e *exchange) any { return message{status: status, body: asText(body(e))} }
}

// request is the handler's parameter.
func request(e *exchange) any {
	return message{status: http.StatusOK, body: e.body, contentType: e.request.Header.Get("Content-Type")}
}

func requestHead(e *exchange) any { return standin.PipyHead(e.request) }

// logged prints a value the way Pipy does.
func logged(v value) value {
	return func(e *exchange) any {
		line := time.Now().Format("2006-01-02 15:04:05.000") + " [INF] " + strings.TrimSuffix(asText(v(e)), "\n") + "\n"
		_, _ = io.WriteString(e.log, line) // one write, so that lines do not mix
		return ""
	}
}
