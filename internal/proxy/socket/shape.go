package socket

// Shaper spreads bytes over time, for all connections that share it.
type Shaper interface {
	// Piece is how many bytes to move at a time; 0 means that there is no limit now.
	Piece() int
	// Wait returns when it is the time of so many bytes.
	Wait(n int)
}

// Shape has what the connection reads and writes spread over time. It is called before
// the connection is used.
func (c *Conn) Shape(in, out Shaper) { c.in, c.out = in, out }

// room is the part of a buffer to read into.
func (c *Conn) room(p []byte) []byte {
	if c.in != nil {
		if piece := c.in.Piece(); piece > 0 {
			return p[:min(len(p), piece)]
		}
	}
	return p
}

// took waits for bytes that were read.
func (c *Conn) took(n int) {
	if c.in != nil && n > 0 && c.in.Piece() > 0 {
		c.in.Wait(n)
	}
}

// shapedOut tells whether writes are spread over time now.
func (c *Conn) shapedOut() bool { return c.out != nil && c.out.Piece() > 0 }

// shapedIn tells the same of reads.
func (c *Conn) shapedIn() bool { return c.in != nil && c.in.Piece() > 0 }

// writeShaped writes piece after piece, each in its time.
func (c *Conn) writeShaped(parts ...[]byte) (n int, err error) {
	for _, p := range parts {
		for len(p) > 0 {
			piece := len(p)
			if most := c.out.Piece(); most > 0 {
				piece = min(piece, most)
			}
			c.out.Wait(piece)
			m, err := c.write3(p[:piece], nil, nil)
			if n += m; err != nil {
				return n, err
			}
			p = p[piece:]
		}
	}
	return n, nil
}
