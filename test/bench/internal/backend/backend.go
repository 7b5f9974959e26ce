package backend

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"

	"fsm/test/bench/internal/load"
)

// Server is a running server.
type Server struct {
	// Addr is where it listens.
	Addr string

	listener net.Listener
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool // nil when the server is closed
}

// serve starts a server that handles each connection with the function, until
// that returns an error.
func serve(handle func(net.Conn) error) (*Server, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start backend: %w", err)
	}
	s := &Server{Addr: ln.Addr().String(), listener: ln, conns: map[net.Conn]bool{}}
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.keep(c)
			s.wg.Go(func() {
				_ = handle(c) // the end of the client is the usual end
				s.forget(c)
			})
		}
	})
	return s, nil
}

func (s *Server) keep(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		_ = c.Close()
		return
	}
	s.conns[c] = true
}

func (s *Server) forget(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Close ends the server and its connections.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wg.Wait()
}

// Echo starts a server that sends back what it gets.
func Echo() (*Server, error) {
	return serve(func(c net.Conn) error {
		buf := make([]byte, 4<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return err
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return err
			}
		}
	})
}

// Source starts a server that sends as much as its client takes.
func Source() (*Server, error) {
	block := make([]byte, 256<<10)
	return serve(func(c net.Conn) error {
		for {
			if _, err := c.Write(block); err != nil {
				return err
			}
		}
	})
}

// HTTP starts a server that answers requests with the body that their path asks
// for. It takes requests without bodies only.
func HTTP() (*Server, error) {
	small, large := response(load.Small), response(load.Large)
	return serve(func(c net.Conn) error {
		buf := make([]byte, 16<<10)
		for have := 0; have < len(buf); {
			n, err := c.Read(buf[have:])
			if err != nil {
				return err
			}
			have += n
			head, rest, complete := bytes.Cut(buf[:have], []byte("\r\n\r\n"))
			for ; complete; head, rest, complete = bytes.Cut(rest, []byte("\r\n\r\n")) {
				answer := small
				if asksFor(head, load.Large) {
					answer = large
				}
				if _, err := c.Write(answer); err != nil {
					return err
				}
				have = len(rest)
			}
			copy(buf, head) // the start of the next request
		}
		return io.ErrShortBuffer
	})
}

func asksFor(head []byte, body load.Body) bool {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	return bytes.HasSuffix(line, []byte(string(body)+" HTTP/1.1"))
}

func response(body load.Body) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", body.Size())
	return append([]byte(head), bytes.Repeat([]byte("b"), body.Size())...)
}
