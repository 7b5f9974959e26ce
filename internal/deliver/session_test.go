package deliver_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
)

func (c *controller) rawSide(t testing.TB) identity.Side {
	return side(t, c.ca, gatewayID, identity.Has(trustDomain, identity.Controller))
}

// TestHelloRefused: who does not begin as agreed gets no stream, and is told why.
func TestHelloRefused(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	of := c.rawSide(t)
	for name, first := range map[string]string{
		"not JSON":          "hello",
		"something else":    `{"report":{"ready":true}}`,
		"another schema":    `{"hello":{"schema":2,"node":"n"}}`,
		"a long name":       `{"hello":{"schema":1,"node":"` + strings.Repeat("n", 300) + `"}}`,
		"a very long line":  `{"hello":{"schema":1,"node":"` + strings.Repeat("n", 17<<20),
		"too many services": `{"hello":{"schema":1,"interest":["*"` + strings.Repeat(`,"*"`, 10_000) + `]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			status, err := c.post(t, "/v1/stream", of, first+"\n", "")
			if err != nil || status != http.StatusBadRequest {
				t.Errorf("status %d, %v", status, err)
			}
		})
	}
}

// TestPlainHTTP: nothing is served without TLS.
func TestPlainHTTP(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	response, err := http.Post("http://"+c.addr+"/v1/stream", "", strings.NewReader(hello))
	if err == nil {
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Error("it was served")
		}
	}
}

// TestRejected: a proxy that rejects an update that built on what it had is sent
// everything; if it rejects that too it is left alone until there is another
// version.
func TestRejected(t *testing.T) {
	answers := make(chan deliver.Answer, 10)
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Answered: func(a deliver.Answer) { answers <- a }})
	p := c.raw(t, c.rawSide(t), hello)
	c.Publish(mesh("/a"))
	first := version(p.update())
	p.say(`{"ack":{"version":"` + first + `"}}`)
	receive(t, "answer", answers)

	m := mesh("/b")
	c.Publish(m)
	lines := p.update()
	second := version(lines)
	if want := `{"update":{"version":"` + second + `","base":"` + first + `"}}`; lines[0] != want {
		t.Errorf("it begins with %s, want %s", lines[0], want)
	}
	p.say(`{"nack":{"version":"` + second + `","reason":"no"}}`)
	lines = p.update()
	if want := `{"update":{"version":"` + second + `","base":""}}`; lines[0] != want {
		t.Errorf("once more it begins with %s, want %s", lines[0], want)
	}
	p.say(`{"nack":{"version":"` + second + `","reason":"no, no"}}`)
	if got := receive(t, "answer", answers); got.Mesh != m || got.Ack.Rejected != "no, no" {
		t.Errorf("the answer is %+v", got)
	}
	if is := c.Proxies()[0]; is.State != deliver.Rejected || is.Why != "no, no" || is.Acked != first {
		t.Errorf("the proxy is %+v", is)
	}
	c.Publish(mesh("/b")) // the same version
	if got := receive(t, "answer", answers); got.Ack.Rejected != "no, no" {
		t.Errorf("the answer is %+v", got)
	}
	c.Publish(mesh("/c"))
	lines = p.update()
	if !strings.HasSuffix(lines[0], `"base":""}}`) {
		t.Errorf("the next one begins with %s", lines[0])
	}
	p.say(`{"ack":{"version":"` + version(lines) + `"}}`)
	if got := receive(t, "answer", answers); got.Ack.Rejected != "" {
		t.Errorf("the answer is %+v", got)
	}
	if is := c.Proxies()[0]; is.State != deliver.Synced {
		t.Errorf("the proxy is %+v", is)
	}
}

// TestOneAtATime: there is no second update before the first one is answered.
func TestOneAtATime(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Beat: 2 * quick})
	p := c.raw(t, c.rawSide(t), hello)
	c.Publish(mesh("/a"))
	first := version(p.update())
	for i := range 10 {
		c.Publish(mesh(fmt.Sprint("/", i)))
	}
	for range 2 * patience { // beats show that the controller had time for more
		line, err := p.down.ReadString('\n')
		if err != nil || line != `{"beat":{}}`+"\n" {
			t.Fatalf("it says %s, %v", line, err)
		}
		p.say(`{"report":{"ready":true}}`)
	}
	p.say(`{"ack":{"version":"` + first + `"}}`)
	if got := p.update(); !strings.Contains(strings.Join(got, ""), `"value":"/9"`) {
		t.Errorf("the second update is %s", got)
	}
}

const patience = 3

// TestMisbehaviour: a proxy that says what it should not loses its stream, and the
// others do not notice.
func TestMisbehaviour(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	c.Publish(mesh("/a"))
	other := c.connect(t, gateway("other"), nil)
	receive(t, "snapshot", other.applied)
	of := c.rawSide(t)
	for name, line := range map[string]string{
		"not JSON":                    "x",
		"an unknown message":          `{"sing":{}}`,
		"a second hello":              hello,
		"an answer to nothing":        `{"ack":{"version":"0"}}`,
		"a rejection of nothing":      `{"nack":{"version":"0"}}`,
		"both an ack and a rejection": `{"ack":{"version":"0","rejected":"x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := c.raw(t, of, hello)
			p.update()
			p.say(line)
			p.ended()
			eventually(t, "it is forgotten", func() bool { return len(c.Proxies()) == 1 })
		})
	}
	c.Publish(mesh("/b"))
	receive(t, "snapshot", other.applied)
}

// TestSilentProxy: a proxy that says nothing, or does not take what it is sent, loses
// its stream; the others are served in the meantime.
func TestSilentProxy(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Beat: quick})
	other := c.connect(t, gateway("other"), nil)
	of := c.rawSide(t)
	silent := c.raw(t, of, hello)
	eventually(t, "both are there", func() bool { return len(c.Proxies()) == 2 })
	silent.ended()
	eventually(t, "it is forgotten", func() bool { return len(c.Proxies()) == 1 })

	c.raw(t, of, hello).talk()
	eventually(t, "both are there", func() bool { return len(c.Proxies()) == 2 })
	var long []string // more than HTTP/2 takes without a reader
	for i := range 1000 {
		long = append(long, fmt.Sprint("/", i, strings.Repeat("x", 10_000)))
	}
	c.Publish(mesh(long...))
	receive(t, "snapshot", other.applied)
	eventually(t, "it is forgotten", func() bool { return len(c.Proxies()) == 1 })
	c.Publish(mesh("/a"))
	receive(t, "snapshot", other.applied)
}

// TestUnknownFilter: a route with a filter that the proxy does not know answers 500
// there instead of being served without it, and that is reported; proxies that do
// know it are served as usual.
func TestUnknownFilter(t *testing.T) {
	answers := make(chan deliver.Answer, 10)
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Answered: func(a deliver.Answer) { answers <- a }})
	m := mesh("/a", "/b")
	with := *m.Tables["t"].Routes[1]
	with.Filters = ir.Filters{&ir.CORS{AllowOrigins: []string{"*"}}}
	m.Tables["t"] = &ir.RouteTable{Name: "t", Routes: []*ir.Route{m.Tables["t"].Routes[0], &with}}
	c.Publish(m)
	p := c.raw(t, c.rawSide(t), `{"hello":{"schema":1,"node":"old","filters":["rewrite"],"interest":["*"]}}`)
	lines := p.update()
	text := strings.Join(lines, "\n")
	if strings.Contains(text, `"cors"`) || !strings.Contains(text, `"reason":"unsupported_filter"`) || !strings.Contains(text, `"value":"/a"`) {
		t.Errorf("it was sent %s", text)
	}
	p.say(`{"ack":{"version":"` + version(lines) + `"}}`)
	got := receive(t, "answer", answers)
	if len(got.Ack.Failures) != 1 || got.Ack.Failures[0].Reason != "UnsupportedFilter" || got.Ack.Failures[0].Origins[0].Name != "r" {
		t.Errorf("the answer is %+v", got.Ack)
	}
	whole := c.connect(t, gateway("new"), nil)
	if s := receive(t, "snapshot", whole.applied); len(s.Tables["t"].Routes[1].Filters) != 1 {
		t.Errorf("who knows the filter got %+v", s.Tables["t"].Routes[1])
	}
}

// TestFleet: a thousand proxies cost one encoding of each resource and a bounded
// amount of memory, and leave nothing behind.
func TestFleet(t *testing.T) {
	const fleet = 1000
	before := runtime.NumGoroutine()
	var mu sync.Mutex
	answered := map[*ir.Mesh]int{}
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{
		Beat: 30 * time.Second, // the proxies here say no more than they have to
		Answered: func(a deliver.Answer) {
			mu.Lock()
			defer mu.Unlock()
			answered[a.Mesh]++
		},
	})
	all := func(m *ir.Mesh) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return answered[m] == fleet
		}
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprint("/", i))
	}
	first := mesh(many...)
	c.Publish(first)
	of := c.rawSide(t)
	transports := make([]*http.Transport, fleet/10) // ten streams on each connection: handshakes take time
	for i := range transports {
		transports[i] = &http.Transport{TLSClientConfig: identity.ClientTLS(of), ForceAttemptHTTP2: true}
	}
	var wg sync.WaitGroup
	proxies := make([]*rawProxy, fleet)
	for i, transport := range transports {
		wg.Go(func() {
			for j := range 10 {
				p, err := c.open(t, transport, hello)
				if err != nil {
					t.Errorf("proxy %d of connection %d: %v", j, i, err)
					return
				}
				proxies[10*i+j] = p
				wg.Go(p.agree)
			}
		})
	}
	eventually(t, "all have the first mesh", all(first))
	resources := 100 + 4 // routes, table, backend, endpoints, listener
	if made, bytes := c.Encodings(); made != resources || bytes > 1<<20 {
		t.Errorf("%d encodings for %d resources, %d bytes", made, resources, bytes)
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if each := memory.HeapAlloc / fleet; each > 100<<10 { // both ends, and what HTTP/2 keeps for a stream
		t.Errorf("%d bytes for each proxy", each)
	} else {
		t.Logf("%d bytes for each proxy", each)
	}
	many[7] = "/changed"
	second := mesh(many...)
	c.Publish(second)
	eventually(t, "all have the second mesh", all(second))
	if made, _ := c.Encodings(); made != resources+2 { // a route, and the table
		t.Errorf("%d encodings for one more route", made-resources)
	}
	for _, p := range proxies {
		if p != nil {
			p.stop()
		}
	}
	wg.Wait()
	for _, transport := range transports {
		transport.CloseIdleConnections()
	}
	eventually(t, "all are gone", func() bool { return len(c.Proxies()) == 0 })
	c.stop()
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// TestEncodingsAreBounded: what is kept is bounded, and what was dropped is made
// again.
func TestEncodingsAreBounded(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	c.LimitEncodings(4 << 10)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprint("/", i))
	}
	c.Publish(mesh(many...))
	for i := range 3 {
		p := c.connect(t, gateway(fmt.Sprint("g", i)), nil)
		if got := receive(t, "snapshot", p.applied); len(got.Tables["t"].Routes) != 200 {
			t.Errorf("proxy %d has %d routes", i, len(got.Tables["t"].Routes))
		}
	}
	if _, bytes := c.Encodings(); bytes > 4<<10 {
		t.Errorf("%d bytes are kept", bytes)
	}
}
