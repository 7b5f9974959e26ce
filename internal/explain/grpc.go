package explain

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/stack"
)

// MethodGRPC asks about a gRPC call: what is asked for is "package.Service/Method",
// where one listener only can be meant, or a URL with that as its path.
const MethodGRPC = "GRPC"

// callHeaders are what every call has (gRPC over HTTP2, "Requests").
var callHeaders = []string{"content-type: application/grpc", "te: trailers"}

// asRequest is a question about a call as one about its request, as far as
// HTTP/1 can say it: the same method, path and headers.
func (q Question) asRequest(s *ir.Snapshot) (Question, error) {
	if !strings.Contains(q.URL, "://") {
		address, err := q.onlyListener(s)
		if err != nil {
			return q, err
		}
		q.URL = address + "/" + strings.TrimPrefix(q.URL, "/")
		if q.ServerName == "" {
			q.ServerName = q.host()
		}
	}
	_, rest, _ := strings.Cut(q.URL, "://")
	_, path, _ := strings.Cut(rest, "/")
	if service, method, ok := strings.Cut(path, "/"); !ok || service == "" || method == "" || strings.Contains(method, "/") {
		return q, fmt.Errorf("call %q: want package.Service/Method", path)
	}
	q.Method = "POST"
	for _, h := range callHeaders {
		name, _, _ := strings.Cut(h, ":")
		if q.header(name) == "" {
			q.Headers = append(q.Headers, h)
		}
	}
	return q, nil
}

// onlyListener is the URL of the listener that takes calls, where there is one.
func (q Question) onlyListener(s *ir.Snapshot) (string, error) {
	var found []*ir.Listener
	for _, l := range s.Listeners {
		if slices.ContainsFunc(l.Chains, func(c *ir.Chain) bool { return c.HTTP != nil }) {
			found = append(found, l)
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("no listener serves HTTP")
	case len(found) > 1:
		return "", fmt.Errorf("several listeners can be meant: %s; choose one by its address: GRPC http://HOST:PORT/%s", describe(found), q.URL)
	}
	l, scheme := found[0], "http"
	if slices.ContainsFunc(l.Chains, func(c *ir.Chain) bool { return c.HTTP != nil && c.Match.TLS }) {
		scheme = "https"
	}
	host := l.Address
	if host == "" {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(l.AdvertisedPort()))), nil
}

// header is the value of a header of the question.
func (q Question) header(name string) string {
	for _, h := range q.Headers {
		if n, value, _ := strings.Cut(h, ":"); strings.EqualFold(n, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// host is the Host header without its port.
func (q Question) host() string {
	host := q.header("Host")
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// call tells of the answers as clients of gRPC see them.
func (e *Explanation) call(s *ir.Snapshot) {
	e.Answer.call()
	for _, d := range e.Destinations {
		switch {
		case d.Answer != nil:
			d.Answer.call()
		case !speaksHTTP2(s.Backends[ir.BackendName(d.Backend)]):
			e.Conditions = append(e.Conditions, Condition{Object: *d.Object, Text: "it is spoken to in HTTP/1.1, which is not enough for gRPC; " +
				"use a GRPCRoute, or set appProtocol: kubernetes.io/h2c on the port of the Service"})
		}
	}
}

func speaksHTTP2(b *ir.Backend) bool {
	return b.Protocol == ir.BackendH2C || b.Protocol == ir.BackendHTTP2
}

// call is the answer to a call: the status of gRPC, which comes with a 200 of
// HTTP.
func (a *Answer) call() {
	if a.From != FromProxy || a.GRPCStatus != nil {
		return
	}
	code := stack.GRPCCode(&message.Reply{Status: a.Status, Reason: a.Reason, GRPCStatus: a.grpc}, false)
	// Policies may give codes that have no name.
	a.Status, a.GRPCStatus = 200, &GRPCStatus{Code: code, Name: ir.GRPCCodeName(code)}
}
