package grpctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// through starts an interop server with a gateway before it, and returns a client
// of the gateway, and how many connections the server has had.
func through(t *testing.T, options ...grpc.ServerOption) (client testgrpc.TestServiceClient, connections *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingListener{Listener: ln}
	server := grpc.NewServer(options...)
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(counting) }) // ends with Stop
	t.Cleanup(func() {
		server.Stop()
		wg.Wait()
	})
	addr, wait, err := gateway{server: ln.Addr().String(), log: testLog{t}}.start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wait)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return testgrpc.NewTestServiceClient(conn), &counting.accepted
}

type countingListener struct {
	net.Listener
	accepted atomic.Int64
}

// Accept implements net.Listener.
func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

// TestServerDrains: a server that ends its connections again and again, gently as
// servers do, costs no call.
func TestServerDrains(t *testing.T) {
	client, connections := through(t, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 10 * time.Millisecond}))
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for connections.Load() < 20 && !t.Failed() {
				if _, err := client.EmptyCall(t.Context(), &testgrpc.Empty{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
}

// TestManyCalls: many calls at a time on one connection, some of which end before
// their time, leave the others alone.
func TestManyCalls(t *testing.T) {
	const callers, calls = 150, 20
	client, _ := through(t)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls {
				if err := randomCall(t.Context(), client); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// randomCall asks for messages, and hangs up in the middle or hears them all.
func randomCall(ctx context.Context, client testgrpc.TestServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stream, err := client.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	messages, hangUp := 1+rand.IntN(5), rand.IntN(200)
	for i := range messages {
		size := rand.Int32N(64 << 10)
		err := stream.Send(&testgrpc.StreamingOutputCallRequest{
			ResponseParameters: []*testgrpc.ResponseParameters{{Size: size}},
			Payload:            &testgrpc.Payload{Body: make([]byte, rand.IntN(64<<10))},
		})
		if err != nil {
			return err
		}
		if i == hangUp {
			cancel()
			if _, err := stream.Recv(); err != nil && status.Code(err) != codes.Canceled {
				return err
			}
			return nil
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if got := len(answer.GetPayload().GetBody()); got != int(size) {
			return fmt.Errorf("message of %d bytes, want %d", got, size)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("end of the call: %w", err)
	}
	return nil
}
