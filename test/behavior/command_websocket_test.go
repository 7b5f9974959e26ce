package behavior

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/http2"
	"golang.org/x/net/websocket"

	"fsm/internal/proxy/proxytest"
)

// websocketConn is a WebSocket that a script keeps open.
type websocketConn struct{ *websocket.Conn }

// cmdWebSocket opens a WebSocket: "websocket NAME ws://HOST:PORT/PATH".
func cmdWebSocket(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: websocket NAME URL")
	}
	s := stateOf(ts)
	cfg, err := websocket.NewConfig(args[1], "http://"+s.ip)
	ts.Check(err)
	c, err := s.dialWebSocket(cfg)
	ts.Check(err)
	ws, err := websocket.NewClient(cfg, c)
	if neg {
		if err == nil {
			ts.Fatalf("it was opened")
		}
		_ = c.Close()
		return
	}
	ts.Check(err)
	s.websockets[args[0]] = &websocketConn{ws}
}

// dialWebSocket makes what a WebSocket is opened on: a connection, or a stream of
// one that speaks HTTP/2.
func (s *script) dialWebSocket(cfg *websocket.Config) (io.ReadWriteCloser, error) {
	port := cmp.Or(cfg.Location.Port(), "8000")
	if s.versions.client == http1 {
		c, err := net.DialTimeout("tcp", s.address(port), exchangeTimeout)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(exchangeTimeout))
		}
		return c, err
	}
	stream := &websocketStream{scheme: "http"}
	var config proxytest.H2Config
	if s.added.ports[port] {
		stream.scheme = "https"
		config.TLS = (&client{s, anyCertificate()}).tlsFor(cfg.Location.Host)
	}
	stream.conn = proxytest.DialH2(s.tb, s.address(port), config)
	return stream, nil
}

// websocketStream is a stream of HTTP/2 for a client that knows WebSockets of
// HTTP/1.1 only: its request becomes an extended CONNECT (RFC 8441), and the
// response to that an agreement to upgrade.
type websocketStream struct {
	conn   *proxytest.H2
	scheme string
	// answer is what the client has yet to read of the response to its request,
	// which it writes first.
	answer bytes.Buffer
	open   bool
	taken  int // of the stream's data
}

// Every connection has one stream.
const websocketStreamID = 1

// Write implements io.Writer.
func (s *websocketStream) Write(p []byte) (int, error) {
	if s.open {
		s.conn.Data(websocketStreamID, false, string(p))
		return len(p), nil
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p)))
	if err != nil {
		return 0, err
	}
	s.conn.Await("WebSockets are on offer", func(state *proxytest.H2State) bool { return state.Settings[http2.SettingEnableConnectProtocol] == 1 })
	s.conn.Headers(websocketStreamID, false, ":method", http.MethodConnect, ":protocol", "websocket", ":scheme", s.scheme,
		":authority", r.Host, ":path", r.URL.RequestURI(), "origin", r.Header.Get("Origin"),
		"sec-websocket-version", r.Header.Get("Sec-WebSocket-Version"))
	status := "502"
	s.conn.Await("the WebSocket is answered", func(state *proxytest.H2State) bool {
		if stream := state.Streams[websocketStreamID]; stream != nil && stream.Status != "" {
			status = stream.Status
			return true
		}
		return state.Ended != nil
	})
	if status != "200" {
		fmt.Fprintf(&s.answer, "HTTP/1.1 %s\r\n\r\n", status)
		return len(p), nil
	}
	s.open = true
	accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(&s.answer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(accept[:]))
	return len(p), nil
}

// Read implements io.Reader.
func (s *websocketStream) Read(p []byte) (n int, err error) {
	if s.answer.Len() > 0 {
		return s.answer.Read(p)
	}
	s.conn.Await("a message arrives", func(state *proxytest.H2State) bool {
		stream := state.Streams[websocketStreamID]
		n = copy(p, stream.Body[s.taken:])
		return n > 0 || stream.Ended || stream.Reset || state.Ended != nil
	})
	if s.taken += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (s *websocketStream) Close() error {
	s.conn.Close()
	return nil
}

// cmdWebSocketSend sends a message and compares the answer: "websocket-send NAME
// TEXT ANSWER".
func cmdWebSocketSend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: websocket-send NAME TEXT ANSWER")
	}
	c := stateOf(ts).websockets[args[0]]
	if c == nil {
		ts.Fatalf("there is no WebSocket %s", args[0])
	}
	_ = c.SetDeadline(time.Now().Add(exchangeTimeout)) // a stream has its own
	ts.Check(websocket.Message.Send(c.Conn, args[1]))
	var answer string
	if err := websocket.Message.Receive(c.Conn, &answer); err != nil && !errors.Is(err, io.EOF) {
		ts.Check(err)
	}
	expect(ts, false, "answer", answer, args[2])
}
