package deliver_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"fsm/internal/deliver"
	"fsm/internal/identity/identitytest"
)

const (
	putRoute    = `{"put":{"kind":"route","name":"r1","hash":"r1","body":{"origin":"HTTPRoute shop/r rule 0","respond":{"status":404,"reason":"no_route"}}}}`
	putTable    = `{"put":{"kind":"table","name":"t","hash":"t1","body":{"name":"t","routes":["r1"]}}}`
	putListener = `{"put":{"kind":"listener","name":"tcp/:80","hash":"l1","body":{"name":"tcp/:80","network":"tcp","port":80,"origins":[],"chains":[]}}}`
)

func begin(version, base string) string {
	return `{"update":{"version":"` + version + `","base":"` + base + `"}}`
}
func commit(version string) string { return `{"commit":{"version":"` + version + `"}}` }

// TestNack: an update that cannot be decoded or contradicts itself is refused as a
// whole, says why, and leaves what was there before; the next one is welcome.
func TestNack(t *testing.T) {
	tests := []struct {
		name, says string
		lines      []string
	}{
		{"another base", "in force", []string{begin("2", "0"), commit("2")}},
		{"another version at its end", "ended as", []string{begin("2", "1"), commit("3")}},
		{"an unknown kind of resource", "not known", []string{begin("2", "1"), `{"put":{"kind":"spell","name":"x","hash":"x","body":{}}}`, commit("2")}},
		{"an unknown filter", `\"levitate\"`, []string{begin("2", "1"),
			`{"put":{"kind":"route","name":"r2","hash":"r2","body":{"origin":"","filters":[{"type":"levitate"}],"respond":{"status":404,"reason":"x"}}}}`, commit("2")}},
		{"wrong types", "decode backend b", []string{begin("2", "1"), `{"put":{"kind":"backend","name":"b","hash":"x","body":{"name":7}}}`, commit("2")}},
		{"null", "null", []string{begin("2", "1"), `{"put":{"kind":"backend","name":"b","hash":"x","body":null}}`, commit("2")}},
		{"no body", "decode backend b", []string{begin("2", "1"), `{"put":{"kind":"backend","name":"b","hash":"x"}}`, commit("2")}},
		{"another name inside", "another name", []string{begin("2", "1"), `{"put":{"kind":"backend","name":"b","hash":"x","body":{"name":"c"}}}`, commit("2")}},
		{"a table without its routes", "no route r9", []string{begin("2", "1"), `{"put":{"kind":"table","name":"t","hash":"t2","body":{"name":"t","routes":["r9"]}}}`, commit("2")}},
		{"a drop of nothing", "there is none", []string{begin("2", "1"), `{"drop":{"kind":"backend","name":"b"}}`, commit("2")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newRawController(t)
			p := c.connect(t, beat)
			s := receive(t, "stream", c.streams)
			if first := s.hear(); !strings.HasPrefix(first, `{"hello":{"schema":1,"node":"`) {
				t.Fatalf("it began with %s", first)
			}
			s.say(begin("1", ""), putRoute, putTable, putListener, commit("1"))
			if got := s.hear(); !strings.HasPrefix(got, `{"ack":{"version":"1"`) {
				t.Fatalf("the answer is %s", got)
			}
			before := receive(t, "snapshot", p.applied)
			s.say(test.lines...)
			if got := s.hear(); !strings.HasPrefix(got, `{"nack":{"version":"2"`) || !strings.Contains(got, test.says) {
				t.Errorf("the answer is %s, want a nack that says %s", got, test.says)
			}
			s.say(begin("3", "1"), `{"drop":{"kind":"listener","name":"tcp/:80"}}`, commit("3"))
			if got := s.hear(); !strings.HasPrefix(got, `{"ack":{"version":"3"`) {
				t.Errorf("the answer is %s", got)
			}
			after := receive(t, "snapshot", p.applied)
			if len(after.Listeners) != 0 || after.Tables["t"] != before.Tables["t"] || after.Version != "3" {
				t.Errorf("in the end it has %+v", after)
			}
			if len(p.applied) != 0 {
				t.Error("more was applied")
			}
			s.say(begin("4", ""), commit("4"))
			if got := s.hear(); !strings.HasPrefix(got, `{"ack":{"version":"4"`) {
				t.Errorf("the answer is %s", got)
			}
			if last := receive(t, "snapshot", p.applied); len(last.Tables) != 0 {
				t.Errorf("an update from nothing left %v", last.Tables)
			}
		})
	}
}

// TestHello: a proxy says what it has when it comes back.
func TestHello(t *testing.T) {
	c := newRawController(t)
	c.connect(t, beat)
	s := receive(t, "stream", c.streams)
	if got := s.hear(); strings.Contains(got, `"have"`) || strings.Contains(got, `"version"`) {
		t.Errorf("it begins with %s", got)
	}
	s.say(begin("1", ""), putRoute, putTable, putListener, commit("1"))
	s.hear()
	close(s.end)
	s = receive(t, "another stream", c.streams)
	want := `"version":"1","have":{"listener":{"tcp/:80":"l1"},"route":{"r1":"r1"},"table":{"t":"t1"}}`
	if got := s.hear(); !strings.Contains(got, want) {
		t.Errorf("it comes back with %s, want %s", got, want)
	}
}

// TestBrokenStream: what is no message ends the stream, in the middle of an update
// too; the proxy comes back with what it had.
func TestBrokenStream(t *testing.T) {
	for name, lines := range map[string][]string{
		"not JSON":            {"hello"},
		"an unknown message":  {`{"sing":{}}`},
		"a put of no update":  {putRoute},
		"an update in update": {begin("2", "1"), begin("2", "1")},
		"a beat in an update": {begin("2", "1"), `{"beat":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newRawController(t)
			p := c.connect(t, beat)
			s := receive(t, "stream", c.streams)
			s.hear()
			s.say(begin("1", ""), putRoute, commit("1"))
			s.hear()
			s.say(lines...)
			s = receive(t, "another stream", c.streams)
			if got := s.hear(); !strings.Contains(got, `"version":"1","have":{"route":{"r1":"r1"}}`) {
				t.Errorf("it comes back with %s", got)
			}
			if receive(t, "snapshot", p.applied); len(p.applied) != 0 {
				t.Error("more was applied")
			}
		})
	}
}

// TestSilentController: a controller that says nothing is given up, one that says
// beats is not.
func TestSilentController(t *testing.T) {
	c := newRawController(t)
	c.connect(t, quick)
	s := receive(t, "stream", c.streams)
	for range 20 { // reports come once every beat
		if _, err := s.up.ReadString('\n'); err != nil {
			t.Fatalf("it gave up: %v", err)
		}
		s.say(`{"beat":{}}`)
	}
	receive(t, "another stream", c.streams)
}

// TestFutureFields: what a newer controller says besides is ignored.
func TestFutureFields(t *testing.T) {
	c := newRawController(t)
	p := c.connect(t, beat)
	s := receive(t, "stream", c.streams)
	s.hear()
	s.say(`{"update":{"version":"1","base":"","mood":"good"}}`,
		`{"put":{"kind":"backend","name":"b","hash":"x","colour":"red","body":{"name":"b","endpoints":"e","spin":{"up":true}}}}`,
		`{"commit":{"version":"1","at":"noon"}}`)
	if got := s.hear(); !strings.HasPrefix(got, `{"ack":{"version":"1"`) {
		t.Errorf("the answer is %s", got)
	}
	if got := receive(t, "snapshot", p.applied); got.Backends["b"] == nil {
		t.Error("the backend is not there")
	}
}

// TestNothingIsLeft: when both ends have ended so has everything that they began.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("stream", func(t *testing.T) {
		c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
		c.Publish(mesh("/a"))
		for i := range 5 {
			p := c.connect(t, gateway(fmt.Sprint("g", i)), nil)
			receive(t, "snapshot", p.applied)
			if _, err := c.authority("token of web").Request(t.Context(), nil); err == nil {
				t.Error("no request is a request")
			}
		}
	})
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}
