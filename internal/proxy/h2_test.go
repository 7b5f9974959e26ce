package proxy_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// served runs a backend of net/http and returns its address.
func served(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// h2Gateway runs a proxy in front of one backend.
func h2Gateway(t testing.TB, backend string, options ...*ir.Options) *proxytest.Proxy {
	t.Helper()
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": backend})
	for _, o := range options {
		s.Listeners[0].Options = o
	}
	p.MustApply(s)
	return p
}

// h2Dial runs a proxy in front of one backend and connects to it.
func h2Dial(t testing.TB, backend string, options ...*ir.Options) *proxytest.H2 {
	t.Helper()
	return proxytest.DialH2(t, h2Gateway(t, backend, options...).Addr(proxytest.HTTPListener), proxytest.H2Config{})
}

// h2Client is a client that speaks nothing but HTTP/2, with everybody at one
// address.
func h2Client(t testing.TB, addr string, cfg *tls.Config) (client *http.Client, scheme string) {
	t.Helper()
	transport := &http.Transport{
		Protocols: &http.Protocols{}, TLSClientConfig: cfg,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		},
	}
	transport.Protocols.SetUnencryptedHTTP2(cfg == nil)
	transport.Protocols.SetHTTP2(cfg != nil)
	t.Cleanup(transport.CloseIdleConnections)
	if cfg != nil {
		return &http.Client{Transport: transport}, "https"
	}
	return &http.Client{Transport: transport}, "http"
}

// TestH2Forward: what HTTP/1 has and HTTP/2 has not, or has otherwise, is
// translated in both directions.
func TestH2Forward(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 201 Made\r\nX-B: 1\r\nConnection: X-Hop\r\nX-Hop: 2\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok"))
	c := h2Dial(t, b.Addr)
	c.Get(1, "/x%2Fy?z", "x-a", "1", "x-forwarded-for", "6.6.6.6")
	r := c.Response(1)
	want := proxytest.H2Fields{":status": {"201"}, "x-b": {"1"}, "content-length": {"2"}}
	if r.Status != "201" || string(r.Body) != "ok" || fmt.Sprint(r.Header) != fmt.Sprint(want) {
		t.Errorf("got %+v", r)
	}
	request := "GET /x%2Fy?z HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\nx-a: 1\r\n" +
		"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n\r\n"
	if got := b.Seen(); got != request {
		t.Errorf("backend saw %q\nwant        %q", got, request)
	}
}

// mirror answers with the body that it got.
func mirror(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Sum", r.Header.Get("Sum"))
	w.Header().Set("Method", r.Method)
	_ = http.NewResponseController(w).EnableFullDuplex()
	_, _ = io.Copy(w, r.Body)
}

// TestH2Bodies: bodies of all sizes arrive whole, in both directions, in
// plaintext and over TLS.
func TestH2Bodies(t *testing.T) {
	backend := served(t, mirror)
	ca := proxytest.NewAuthority(t, "ca")
	for name, cfg := range map[string]*tls.Config{"plain": nil, "TLS": {RootCAs: ca.Pool(), ServerName: "a.example"}} {
		s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, nil)
		if cfg != nil {
			s = secure()
			addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"a.example"}}))
			addHTTPS(s, "", &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}, ALPN: []string{"h2", "http/1.1"}}, "b")
		}
		proxytest.AddBackend(s, "b", backend)
		p := proxytest.Start(t, proxy.Config{})
		p.MustApply(s)
		client, scheme := h2Client(t, p.Addr(proxytest.HTTPListener), cfg)
		for _, size := range []int{0, 1, 16 << 10, 64<<10 - 1, 64 << 10, 10 << 20} {
			for _, known := range []bool{true, false} {
				if size == 10<<20 && known == (cfg == nil) {
					continue // each way once is enough for one that takes long
				}
				t.Run(fmt.Sprintf("%s/%d/%t", name, size, known), func(t *testing.T) {
					exchangeBody(t, client, scheme+"://a.example/", strings.Repeat("0123456789abcdef", size/16+1)[:size], known)
				})
			}
		}
	}
}

// exchangeBody sends a body to mirror and compares what comes back.
func exchangeBody(t *testing.T, client *http.Client, url, body string, known bool) {
	var in io.Reader = strings.NewReader(body)
	if !known {
		in = struct{ io.Reader }{in}
	}
	r, err := http.NewRequest("POST", url, in)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	r.Header.Set("Sum", sum)
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.ProtoMajor != 2 || res.StatusCode != 200 || res.Header.Get("Sum") != sum || string(got) != body {
		t.Errorf("got %d bytes, %+v, %v", len(got), res, err)
	}
}

// TestH2Methods: the answer to a HEAD has the length and no content; 204 and 304
// have none either.
func TestH2Methods(t *testing.T) {
	client, _ := h2Client(t, h2Gateway(t, served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Method", r.Method)
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		}
	})).Addr(proxytest.HTTPListener), nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		length             int64
	}{
		{"GET", "/", "hello", 200, 5}, {"HEAD", "/", "", 200, 5}, {"DELETE", "/", "hello", 200, 5}, {"OPTIONS", "/", "hello", 200, 5},
		{"PROPFIND", "/", "hello", 200, 5}, {"GET", "/204", "", 204, 0}, {"GET", "/304", "", 304, 0},
	} {
		r, err := http.NewRequest(c.method, "http://a.example"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != c.status || res.ContentLength != c.length || string(body) != c.body || res.Header.Get("Method") != c.method {
			t.Errorf("%s %s: got %q, %v, %+v", c.method, c.path, body, err, res)
		}
	}
}

// TestH2Trailers: trailers pass in both directions.
func TestH2Trailers(t *testing.T) {
	client, _ := h2Client(t, h2Gateway(t, served(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Late")
		_, _ = w.Write(body)
		w.Header().Set("X-Late", "of "+r.Trailer.Get("X-Sum"))
	})).Addr(proxytest.HTTPListener), nil)
	r, err := http.NewRequest("POST", "http://a.example/", struct{ io.Reader }{strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	r.Trailer = http.Header{"X-Sum": {"5d41"}}
	r.Header.Set("Te", "trailers")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "hello" || res.Trailer.Get("X-Late") != "of 5d41" {
		t.Errorf("got %q, %v, trailer %v", body, err, res.Trailer)
	}
}

// TestH2EmptyWithTrailers: a response may consist of a head and trailers, with
// nothing between.
func TestH2EmptyWithTrailers(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGrpc-Status: 5\r\n\r\n"))
	c := h2Dial(t, b.Addr)
	c.Get(1, "/", "te", "trailers")
	if r := c.Response(1); r.Status != "200" || !r.Ended || len(r.Body) > 0 || r.Trailer.Get("grpc-status") != "5" {
		t.Errorf("got %+v", r)
	}
}

// TestH2Interim: 1xx responses pass; 101 does not exist.
func TestH2Interim(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"+ok))
	c := h2Dial(t, b.Addr)
	c.Get(1, "/")
	r := c.Response(1)
	if r.Status != "200" || len(r.Interim) != 2 || r.Interim[0].Get("link") != "</x>" || r.Interim[1].Get(":status") != "102" {
		t.Errorf("got %+v", r)
	}
}

// TestH2Continue: a client that waits for a 100 gets the backend's, and one that
// is refused sends nothing.
func TestH2Continue(t *testing.T) {
	client, _ := h2Client(t, h2Gateway(t, served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(403)
			return
		}
		mirror(w, r)
	})).Addr(proxytest.HTTPListener), nil)
	for _, path := range []string{"/", "/refuse"} {
		var codes []int
		trace := &httptrace.ClientTrace{
			Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { codes = append(codes, code); return nil },
			Got100Continue: func() { codes = append(codes, 100) },
		}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", "http://a.example"+path, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Expect", "100-continue")
		client.Transport.(*http.Transport).ExpectContinueTimeout = 1 << 40
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if path == "/" && (string(body) != "hello" || !slices.Contains(codes, 100)) || path != "/" && (res.StatusCode != 403 || len(codes) > 0) {
			t.Errorf("%s: got %d %q after %v", path, res.StatusCode, body, codes)
		}
	}
}

// TestH2EarlyResponse: a backend may answer before the request has ended. The
// client gets all of the answer.
func TestH2EarlyResponse(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		if _, err := c.ReadHead(); err != nil {
			return
		}
		c.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		c.ReadAll()
	})
	c := h2Dial(t, b.Addr)
	c.Post(1, "/", "content-length", "1000000")
	c.Data(1, false, "begin")
	if r := c.Response(1); r.Status != "413" || string(r.Body) != "no" || !r.Ended {
		t.Errorf("got %+v", r)
	}
	// What is still under way is no fault.
	c.Data(1, false, "more")
	c.Post(3, "/", "content-length", "0")
	c.Data(3, true, "")
	if r := c.Response(3); r.Status != "413" {
		t.Errorf("next request: got %+v", r)
	}
}

// duplex answers with each piece of the body as soon as it has it.
func duplex(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex()
	_ = rc.Flush()
	buf := make([]byte, 100)
	for {
		n, err := r.Body.Read(buf)
		_, _ = w.Write(buf[:n])
		_ = rc.Flush()
		if err != nil {
			return
		}
	}
}

// TestH2FullDuplex: both bodies of a stream flow at the same time.
func TestH2FullDuplex(t *testing.T) {
	c := h2Dial(t, served(t, duplex))
	c.Post(1, "/")
	c.Await("response begins", proxytest.On(1, func(s *proxytest.H2Stream) bool { return s.Status == "200" }))
	want := ""
	for i := range 20 {
		part := fmt.Sprintf("part %d", i)
		want += part
		c.Data(1, false, part)
		c.Await(part, proxytest.On(1, func(s *proxytest.H2Stream) bool { return string(s.Body) == want }))
	}
	c.Data(1, true, "")
	if r := c.Response(1); !r.Ended || string(r.Body) != want {
		t.Errorf("got %+v", r)
	}
}

// TestH2BackendFails: a response that breaks off is never taken for a whole one.
func TestH2BackendFails(t *testing.T) {
	for name, response := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n",
		"none":    "",
	} {
		b := proxytest.Serve(t, func(c *proxytest.Conn) {
			if _, err := c.ReadHead(); err == nil {
				c.Send(response)
			}
		})
		c := h2Dial(t, b.Addr)
		c.Get(1, "/")
		r := c.Response(1)
		if response != "" && (!r.Reset || r.Ended || string(r.Body) != "begin") || response == "" && (r.Status != "502" || !r.Ended) {
			t.Errorf("%s: got %+v", name, r)
		}
		c.Get(3, "/") // the connection goes on
		if r := c.Response(3); r.Status == "" {
			t.Errorf("%s: next request: got %+v", name, r)
		}
	}
}

// TestH2WebSocket: an extended CONNECT (RFC 8441) becomes an HTTP/1.1 upgrade, and
// the stream a tunnel whose ends pass in both directions.
func TestH2WebSocket(t *testing.T) {
	b := proxytest.Serve(t, echoUpgrade)
	c := h2Dial(t, b.Addr)
	c.Await("settings", func(s *proxytest.H2State) bool { return s.Settings[http2.SettingEnableConnectProtocol] == 1 })
	connect := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "a.example", ":path", "/chat", "sec-websocket-version", "13"}
	c.Headers(1, false, connect...)
	c.Await("welcome", proxytest.On(1, func(s *proxytest.H2Stream) bool { return string(s.Body) == "welcome\n" }))
	c.Data(1, false, "hello\n")
	c.Await("echo", proxytest.On(1, func(s *proxytest.H2Stream) bool { return string(s.Body) == "welcome\nhello\n" }))
	c.Data(1, true, "")
	if r := c.Response(1); r.Status != "200" || !r.Ended || r.Header["sec-websocket-accept"] != nil || r.Header["upgrade"] != nil {
		t.Errorf("got %+v", r)
	}
	for _, want := range []string{"GET /chat HTTP/1.1\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n", "Sec-WebSocket-Key: "} {
		if !strings.Contains(b.Seen(), want) {
			t.Errorf("backend saw %q, want %q in it", b.Seen(), want)
		}
	}
	connect[9] = "/refuse"
	c.Headers(3, false, connect...)
	if r := c.Response(3); r.Status != "400" || string(r.Body) != "no" {
		t.Errorf("refused: got %+v", r)
	}
	connect[3] = "connect-udp"
	c.Headers(5, false, connect...)
	if r := c.Response(5); r.Status != "501" {
		t.Errorf("other protocol: got %+v", r)
	}
}

// TestH2SamePort: a plain port serves both versions to whoever begins with either,
// even in pieces.
func TestH2SamePort(t *testing.T) {
	addr := h2Gateway(t, proxytest.Serve(t, answer(ok)).Addr).Addr(proxytest.HTTPListener)
	c := proxytest.DialH2(t, addr, proxytest.H2Config{})
	c.Get(1, "/")
	if r := c.Response(1); r.Status != "200" {
		t.Errorf("HTTP/2: got %+v", r)
	}
	if r := proxytest.Get(t, addr, "a", "/"); r.Status != 200 {
		t.Errorf("HTTP/1.1: got %+v", r)
	}
	slow := proxytest.Dial(t, addr)
	for i := range len(http2.ClientPreface) {
		slow.Send(http2.ClientPreface[i : i+1])
	}
	slow.Send("\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	if head, err := slow.ReadN(9); err != nil || head[3] != byte(http2.FrameSettings) {
		t.Errorf("preface in pieces: got %q, %v", head, err)
	}
}
