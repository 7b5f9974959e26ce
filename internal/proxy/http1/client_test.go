package http1

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// present is a client that stays.
type present struct{}

func (present) Inform(*message.Response) error  { return nil }
func (present) Respond(*message.Response) error { return nil }
func (present) Moved() (received, sent int64)   { return 0, 0 }
func (present) Gone() bool                      { return false }

// TestAbortAfterAnswer: a connection whose exchange was aborted when it was over
// already is not used for another, which would end at once.
func TestAbortAfterAnswer(t *testing.T) {
	keeper, err := socket.NewKeeper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { keeper.Run(ctx) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	wg.Go(func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for r := bufio.NewReader(c); ; {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	tcp, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sock, err := socket.NewConn(tcp.(*net.TCPConn), keeper, socket.Now()+int64(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c := NewClientConn(&socket.Stream{Sock: sock})
	for _, abort := range []bool{false, true} {
		x := &message.Exchange{Downstream: present{}}
		x.Request = message.Request{Method: []byte("GET"), Authority: []byte("a"), Path: []byte("/"), Length: message.NoBody}
		if err := c.RoundTrip(x, &Timeouts{Response: 5 * time.Second, Body: 5 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if abort {
			c.Abort()
		}
		if reusable := c.Finish(x, true); reusable == abort {
			t.Errorf("aborted: %t, reusable: %t", abort, reusable)
		}
	}
}
