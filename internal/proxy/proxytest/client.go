package proxytest

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Dial connects to an address; the connection is closed when the test ends.
func Dial(t testing.TB, addr string) *Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return newConn(c, nil)
}

// Response is a response as a test looks at it.
type Response struct {
	Status  int
	Header  http.Header
	Trailer http.Header
	Body    string
	// Close is set when the response says that the connection ends with it.
	Close bool
	// Err is how the reading of the body ended, if not well.
	Err error
}

// ReadResponse reads a response to a request with that method.
func (c *Conn) ReadResponse(method string) (Response, error) {
	r, err := http.ReadResponse(c.R, &http.Request{Method: method})
	if err != nil {
		return Response{}, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return Response{r.StatusCode, r.Header, r.Trailer, string(body), r.Close, err}, nil
}

// Exchange sends raw bytes on a connection of their own and reads the response.
// closed says whether the connection was closed after it, and not just kept.
func Exchange(t testing.TB, addr, raw string) (r Response, closed bool) {
	t.Helper()
	c := Dial(t, addr)
	c.Send(raw)
	method, _, _ := strings.Cut(raw, " ")
	r, err := c.ReadResponse(method)
	if err != nil {
		t.Fatalf("read response to %.200q: %v", raw, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	_, err = c.R.ReadByte()
	return r, err == io.EOF
}

// Get sends a GET for a host and path.
func Get(t testing.TB, addr, host, path string, headers ...string) Response {
	t.Helper()
	head := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	c := Dial(t, addr)
	defer c.Close()
	c.Send(head + "Connection: close\r\n\r\n")
	r, err := c.ReadResponse("GET")
	if err != nil {
		t.Fatalf("GET %s%s: %v", host, path, err)
	}
	return r
}
