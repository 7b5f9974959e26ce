package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Closed is a closed loop: each client sends again when it has its answer.
type Closed struct {
	Target   Target
	Clients  int
	Duration time.Duration
	// Talk is what clients do.
	Talk Conversation
	// Fresh makes every client use a new connection for each exchange.
	Fresh bool
}

// Run runs the load for its duration, or until the context ends.
func (l Closed) Run(ctx context.Context) (Result, error) {
	begun := time.Now()
	clients := make([]client, l.Clients)
	var wg sync.WaitGroup
	for i := range clients {
		clients[i] = client{load: &l, number: i, end: begun.Add(l.Duration)}
		wg.Go(func() { clients[i].run(ctx) })
	}
	wg.Wait()
	var sum Result
	var all []time.Duration
	sum.Elapsed = time.Since(begun)
	for i := range clients {
		c := &clients[i]
		sum.Errors += c.result.Errors
		if sum.Problem == nil {
			sum.Problem = c.result.Problem
		}
		all = append(all, c.latencies...)
	}
	sum.Count = float64(len(all))
	sum.Latency = latencyOf(all)
	return sum, ctx.Err()
}

// client is one of the clients of a closed loop.
type client struct {
	load      *Closed
	number    int
	end       time.Time
	latencies []time.Duration
	result    Result
}

func (c *client) run(ctx context.Context) {
	const giveUp = 100 // a server that answers nothing need not be asked for ever
	var conn net.Conn
	var exchange func(int) error
	for n := c.number; time.Now().Before(c.end) && ctx.Err() == nil && c.result.Errors < giveUp; n++ {
		sent := time.Now()
		err := error(nil)
		if conn == nil {
			conn, exchange, err = c.connect(ctx)
		}
		if err == nil {
			err = exchange(n)
		}
		if err == nil {
			c.latencies = append(c.latencies, time.Since(sent))
		} else if ctx.Err() == nil {
			c.result.fail(err)
		}
		if conn != nil && (err != nil || c.load.Fresh) {
			_ = conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		_ = conn.Close()
	}
}

func (c *client) connect(ctx context.Context) (net.Conn, func(int) error, error) {
	conn, err := c.load.Target.Dial(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	deadline(conn, c.end)
	return conn, c.load.Talk(conn), nil
}
