package listen

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
)

// clientHello is what Go's client sends first.
func clientHello(t testing.TB, cfg *tls.Config) []byte {
	t.Helper()
	var c helloConn
	cfg.InsecureSkipVerify = true
	_ = tls.Client(&c, cfg).Handshake() // fails for want of an answer
	return c.sent.Bytes()
}

type helloConn struct {
	net.Conn
	sent bytes.Buffer
}

func (c *helloConn) Write(b []byte) (int, error) { return c.sent.Write(b) }
func (c *helloConn) Read([]byte) (int, error)    { return 0, io.EOF }

func TestParseHello(t *testing.T) {
	in := clientHello(t, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2", "http/1.1"}})
	h, ok, err := ParseHello(in)
	if err != nil || !ok || h.ServerName != "a.example" || len(h.ALPN) != 2 || h.ALPN[0] != "h2" {
		t.Errorf("got %+v, %t, %v", h, ok, err)
	}
	for i := range in {
		if _, ok, err := ParseHello(in[:i]); ok || err != nil {
			t.Fatalf("first %d bytes: got %t, %v, want to be asked for more", i, ok, err)
		}
	}
	// The message may be split over records at any byte.
	body := in[5:]
	for _, size := range []int{1, 7, 100} {
		var split []byte
		for rest := body; len(rest) > 0; {
			n := min(size, len(rest))
			split = append(split, 22, 3, 1, byte(n>>8), byte(n))
			split = append(split, rest[:n]...)
			rest = rest[n:]
		}
		if h, ok, err := ParseHello(split); err != nil || !ok || h.ServerName != "a.example" {
			t.Errorf("in records of %d bytes: got %+v, %t, %v", size, h, ok, err)
		}
	}
	if h, ok, err := ParseHello(clientHello(t, &tls.Config{})); err != nil || !ok || h.ServerName != "" {
		t.Errorf("without a name: got %+v, %t, %v", h, ok, err)
	}
	for _, bad := range []string{"GET / HTTP/1.1\r\n", "\x16\x03\x01\x00\x00", "\x15\x03\x01\x00\x02\x01\x00", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"} {
		if _, _, err := ParseHello([]byte(bad)); err == nil {
			t.Errorf("%q was taken for the beginning of a ClientHello", bad)
		}
	}
}

var errStop = errors.New("stop")

// FuzzHello: when both this parser and Go's read a ClientHello, they read the
// same name.
func FuzzHello(f *testing.F) {
	f.Add(clientHello(f, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2"}}))
	f.Add(clientHello(f, &tls.Config{MaxVersion: tls.VersionTLS12, ServerName: "b"}))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, ok, err := ParseHello(in)
		if !ok || err != nil {
			return
		}
		var name string
		got := false
		cfg := &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			name, got = info.ServerName, true
			return nil, errStop
		}}
		_ = tls.Server(&feedConn{r: bytes.NewReader(in)}, cfg).Handshake()
		if got && name != h.ServerName {
			t.Fatalf("got %q, crypto/tls %q", h.ServerName, name)
		}
	})
}

type feedConn struct {
	net.Conn
	r *bytes.Reader
}

func (c *feedConn) Read(b []byte) (int, error)  { return c.r.Read(b) }
func (c *feedConn) Write(b []byte) (int, error) { return len(b), nil }

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nrest"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, n, err := ParseProxyHeader(in)
		if n > len(in) || err != nil && n != 0 || h.Source.IsValid() != h.Destination.IsValid() {
			t.Fatalf("%q: %+v, %d, %v", in, h, n, err)
		}
		if n > 0 {
			if h2, n2, err := ParseProxyHeader(in[:n]); err != nil || n2 != n || h2 != h {
				t.Fatalf("%q: reads differently without what follows", in)
			}
		}
	})
}
