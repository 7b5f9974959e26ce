package proxytest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Backend is a TCP server whose connections a test serves.
type Backend struct {
	Addr string
	// Conns counts accepted connections.
	Conns atomic.Int64

	mu   sync.Mutex
	seen bytes.Buffer
	open map[net.Conn]bool
}

// Serve starts a backend that serves each connection with the function, in a
// goroutine, until the test ends. It records what it reads.
func Serve(t testing.TB, serve func(c *Conn)) *Backend {
	t.Helper()
	return start(t, serve, true)
}

// ServeLoad is Serve for a backend that gets too much to record it.
func ServeLoad(t testing.TB, serve func(c *Conn)) *Backend {
	t.Helper()
	return start(t, serve, false)
}

func start(t testing.TB, serve func(c *Conn), record bool) *Backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{Addr: ln.Addr().String(), open: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.Conns.Add(1)
			b.mu.Lock()
			b.open[c] = true
			b.mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				if record {
					serve(newConn(c, b))
				} else {
					serve(newConn(c, nil))
				}
				b.mu.Lock()
				delete(b.open, c)
				b.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		b.CloseConns()
		wg.Wait()
	})
	return b
}

// CloseConns closes all connections.
func (b *Backend) CloseConns() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		_ = c.Close()
	}
}

// Seen is every byte that the backend has read, over all connections.
func (b *Backend) Seen() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen.String()
}

// Conn is a connection with the means to read HTTP messages.
type Conn struct {
	net.Conn
	R *bufio.Reader
}

func newConn(c net.Conn, record *Backend) *Conn {
	var r io.Reader = c
	if record != nil {
		r = io.TeeReader(c, recorder{record})
	}
	return &Conn{c, bufio.NewReader(r)}
}

type recorder struct{ b *Backend }

func (r recorder) Write(p []byte) (int, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	return r.b.seen.Write(p)
}

// ReadHead reads up to and including an empty line. At the end of the stream it
// returns what there was.
func (c *Conn) ReadHead() (string, error) {
	var head bytes.Buffer
	for {
		line, err := c.R.ReadBytes('\n')
		head.Write(line)
		if err != nil {
			return head.String(), err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return head.String(), nil
		}
	}
}

// ReadN reads exactly n bytes.
func (c *Conn) ReadN(n int) (string, error) {
	b := make([]byte, n)
	m, err := io.ReadFull(c.R, b)
	return string(b[:m]), err
}

// ReadAll reads to the end of the stream; a reset counts as one.
func (c *Conn) ReadAll() string {
	b, _ := io.ReadAll(c.R)
	return string(b)
}

// Send writes a string; errors show in what is read later.
func (c *Conn) Send(s string) { _, _ = io.WriteString(c.Conn, s) }

// Ended reports whether an error is the end of a stream, however it came.
func Ended(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

// Wrap makes a Conn of a connection.
func Wrap(c net.Conn) *Conn { return newConn(c, nil) }

// Peeked is the connection, with what was read ahead.
func (c *Conn) Peeked() net.Conn { return peeked{c.Conn, c.R} }

type peeked struct {
	net.Conn
	r io.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }
