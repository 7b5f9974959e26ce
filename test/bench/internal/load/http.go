package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Body is the size of the bodies to ask for.
type Body string

// Bodies, by the end of the path that asks for them.
const (
	Small Body = ""     // 128 bytes
	Large Body = "/10k" // 10 KiB
)

// Size is the number of bytes in the body.
func (b Body) Size() int {
	if b == Large {
		return 10 << 10
	}
	return 128
}

// Requests are the requests for each of so many routes, to be sent in turn, with these
// header fields.
func Requests(routes int, body Body, fields ...string) [][]byte {
	requests := make([][]byte, routes)
	more := strings.Join(append(fields, ""), "\r\n")
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench.test\r\n%s\r\n", Path(i, body), more)
	}
	return requests
}

// Path is the path of a request to a route.
func Path(route int, body Body) string { return RoutePrefix(route) + string(body) }

// RoutePrefix is the path prefix that a route matches.
func RoutePrefix(route int) string { return "/route-" + strconv.Itoa(route) }

var (
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("\r\ncontent-length:")
)

// responseSize is the size of the response at the start of b, or 0 when its head
// is not complete. Only responses with status 200 and a Content-Length are taken:
// that is what the backend sends, and what a proxy has to pass on.
func responseSize(b []byte) (int, error) {
	end := bytes.Index(b, endOfHead)
	if end < 0 {
		return 0, nil
	}
	head := b[:end]
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		return 0, fmt.Errorf("the answer was %q", line)
	}
	length, err := lengthIn(head)
	if err != nil {
		return 0, err
	}
	return end + len(endOfHead) + length, nil
}

// lengthIn reads the Content-Length, whose name is in small letters with HAProxy.
func lengthIn(head []byte) (int, error) {
	for i := 0; ; {
		next := bytes.IndexByte(head[i:], '\r')
		if next < 0 {
			return 0, errors.New("the answer has no Content-Length")
		}
		i += next
		if rest := head[i:]; len(rest) > len(contentLength) && bytes.EqualFold(rest[:len(contentLength)], contentLength) {
			value, _, _ := bytes.Cut(rest[len(contentLength):], []byte("\r"))
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil || n < 0 {
				return 0, fmt.Errorf("the answer has Content-Length %q", value)
			}
			return n, nil
		}
		i++
	}
}

// readSize is enough for the largest response, so that one read can take it.
const readSize = 16 << 10

// Conversation starts on a connection and returns what does one exchange, the
// n-th, on it.
type Conversation func(c net.Conn) (exchange func(n int) error)

// HTTP asks with the requests in turn.
func HTTP(requests [][]byte) Conversation {
	return func(c net.Conn) func(int) error {
		buf := make([]byte, readSize)
		return func(n int) error {
			if _, err := c.Write(requests[n%len(requests)]); err != nil {
				return err
			}
			return readResponse(c, buf)
		}
	}
}

func readResponse(c io.Reader, buf []byte) error {
	for have := 0; ; {
		n, err := c.Read(buf[have:])
		if err != nil {
			return fmt.Errorf("read response: %w", err)
		}
		have += n
		size, err := responseSize(buf[:have])
		switch {
		case err != nil:
			return err
		case size > len(buf):
			return fmt.Errorf("the answer has %d bytes, no more than %d were expected", size, len(buf))
		case size != 0 && have == size:
			return nil
		case size != 0 && have > size:
			return fmt.Errorf("%d bytes came after the answer", have-size)
		case have == len(buf):
			return fmt.Errorf("the answer's head is longer than %d bytes", len(buf))
		}
	}
}

// Messages sends messages of a size and expects each to come back.
func Messages(size int) Conversation {
	return func(c net.Conn) func(int) error {
		out, in := bytes.Repeat([]byte("m"), size), make([]byte, size)
		return func(int) error {
			if _, err := c.Write(out); err != nil {
				return err
			}
			_, err := io.ReadFull(c, in)
			return err
		}
	}
}

// deadline makes a connection fail when an exchange hangs.
func deadline(c net.Conn, end time.Time) { _ = c.SetDeadline(end.Add(patience)) }
