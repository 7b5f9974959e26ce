package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Held are connections that were used once and are kept open.
type Held struct{ conns []net.Conn }

// Hold makes connections and does one exchange on each. The caller has to Release
// them, even after an error.
func Hold(ctx context.Context, t Target, count int, talk Conversation) (*Held, error) {
	const atOnce = 16
	h := &Held{conns: make([]net.Conn, count)}
	errs := make([]error, atOnce)
	var wg sync.WaitGroup
	for w := range atOnce {
		wg.Go(func() {
			for i := w; i < count && errs[w] == nil; i += atOnce {
				h.conns[i], errs[w] = holdOne(ctx, t, talk, i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return h, fmt.Errorf("hold %d connections: %w", count, err)
		}
	}
	return h, nil
}

func holdOne(ctx context.Context, t Target, talk Conversation, n int) (net.Conn, error) {
	c, err := t.Dial(ctx)
	if err != nil {
		return nil, err
	}
	deadline(c, time.Now())
	if err := talk(c)(n); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Lost is how many of the connections the server has closed.
func (h *Held) Lost() int {
	lost := 0
	for _, c := range h.conns {
		if c == nil || !open(c) {
			lost++
		}
	}
	return lost
}

// open looks for bytes or the end of the stream, without waiting for either. There
// should be none: a server that sends something unasked says good-bye.
func open(c net.Conn) bool {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = wrapped.NetConn()
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	var peekErr error
	err = raw.Control(func(fd uintptr) {
		_, _, peekErr = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && peekErr == syscall.EAGAIN
}

// Release closes the connections.
func (h *Held) Release() {
	for _, c := range h.conns {
		if c != nil {
			_ = c.Close()
		}
	}
}
