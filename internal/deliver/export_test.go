package deliver

import (
	"io"
	"time"

	"fsm/internal/identity"
)

// Encodings tells how often a resource was encoded, and how many bytes are kept.
func (s *Server) Encodings() (made, bytes int) {
	s.encodings.mu.Lock()
	defer s.encodings.mu.Unlock()
	return s.encodings.made, s.encodings.size
}

// LimitEncodings sets how many bytes may be kept.
func (s *Server) LimitEncodings(bytes int) { s.encodings = newEncodings(bytes) }

// Receive reads messages until something is wrong, as a stream does.
func (c *Client) Receive(r io.Reader) error {
	in := newLines(r, clientBuffer, maxDownward)
	watch := time.AfterFunc(time.Hour, func() {})
	defer watch.Stop()
	for {
		if _, err := c.receive(in, watch); err != nil {
			return err
		}
	}
}

// Greet reads a hello.
func (s *Server) Greet(r io.Reader) error {
	_, err := s.greet(newLines(r, sessionBuffer, maxUpward), identity.ID{})
	return err
}
