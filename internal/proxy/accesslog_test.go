package proxy_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// lines is a log that tests wait for.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// wait returns the lines, when there are n.
func (l *lines) wait(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	proxytest.Eventually(t, "the log has its lines", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		all = strings.Split(strings.TrimSpace(l.text.String()), "\n")
		return all[0] != "" && len(all) >= n
	})
	return all
}

func decodeLine(t *testing.T, line string) map[string]any {
	t.Helper()
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%q is no JSON: %v", line, err)
	}
	return fields
}

// TestAccessLog: a line says what was asked, what came of it and why, where it
// went and how long it took; query strings are left out.
func TestAccessLog(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	var log lines
	p := proxytest.Start(t, proxy.Config{AccessLog: &log})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/here", "b")}, map[string]string{"b": b.Addr}))
	addr := p.Addr(proxytest.HTTPListener)
	for _, raw := range []string{
		"GET /here?token=hidden HTTP/1.1\r\nHost: a\r\nUser-Agent: \"\xff\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nConnection: close\r\n\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	} {
		c := proxytest.Dial(t, addr)
		c.Send(raw)
		c.ReadAll()
	}
	all := log.wait(t, 3)
	if strings.Contains(strings.Join(all, ""), "hidden") {
		t.Errorf("log has a query string: %s", all)
	}
	for i, want := range []map[string]any{
		{
			"listener": "Gateway default/gw listener http", "client": "127.0.0.1", "protocol": "HTTP/1.1", "method": "GET", "host": "a",
			"path": "/here", "status": 200.0, "route": "HTTPRoute default/r-here rule 0", "backend": "b", "endpoint": b.Addr,
			"user_agent": "\"\u00ff", "trace_id": "0af7651916cd43dd8448eb211c80319c", "sent": 2.0, "reason": nil,
		},
		{"path": "/nowhere", "status": 404.0, "reason": "no_route", "route": nil, "backend": nil},
		{"status": 400.0, "reason": "bad_framing", "route": nil},
	} {
		got := decodeLine(t, all[i])
		for key, value := range want {
			if got[key] != value {
				t.Errorf("line %d: %s is %v, want %v\n%s", i, key, got[key], value, all[i])
			}
		}
		if _, ok := got["duration_ms"].(float64); !ok {
			t.Errorf("line %d has no duration", i)
		}
	}
	if _, ok := decodeLine(t, all[0])["upstream_response_ms"].(float64); !ok {
		t.Errorf("no time of the backend: %s", all[0])
	}
}

// TestAccessLogFields: only the fields asked for are there, and asking for one
// that does not exist is an error that lists those that do.
func TestAccessLogFields(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	var log lines
	p := proxytest.Start(t, proxy.Config{AccessLog: &log, AccessLogFields: []string{"status", "query"}})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr}))
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	c.Send("GET /?a=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	c.ReadAll()
	got := decodeLine(t, log.wait(t, 1)[0])
	delete(got, "time")
	if len(got) != 2 || got["status"] != 200.0 || got["query"] != "a=b" {
		t.Errorf("got %v", got)
	}
	if _, err := proxy.New(proxy.Config{AccessLog: &log, AccessLogFields: []string{"statuz"}}); err == nil || !strings.Contains(err.Error(), "status") {
		t.Errorf("got %v", err)
	}
}

// TestAccessLogPerListener: a listener may be left out of the log.
func TestAccessLogPerListener(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	var log lines
	p := proxytest.Start(t, proxy.Config{AccessLog: &log})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
	get := func(path string) {
		c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
		c.Send("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		c.ReadAll()
	}
	for _, step := range []struct{ path, setting string }{{"/1", ""}, {"/2", "off"}, {"/3", "on"}} {
		next := *s
		listener := *s.Listeners[0]
		listener.Options = &ir.Options{AccessLog: step.setting}
		next.Listeners = []*ir.Listener{&listener}
		p.MustApply(&next)
		get(step.path)
	}
	var paths []string
	for _, line := range log.wait(t, 2) {
		paths = append(paths, decodeLine(t, line)["path"].(string))
	}
	if !slices.Equal(paths, []string{"/1", "/3"}) {
		t.Errorf("logged %v, want /1 and /3", paths)
	}
}
