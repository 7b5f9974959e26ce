package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// dial connects to a port of a pod's loopback interface.
func dial(ctx context.Context, config *rest.Config, target *url.URL, port string) (net.Conn, error) {
	dialer, err := newDialer(config, target)
	if err != nil {
		return nil, err
	}
	session, err := open(ctx, dialer)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	header.Set(corev1.PortHeader, port)
	header.Set(corev1.PortForwardRequestIDHeader, "0") // the only one of the session
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	failure, err := session.CreateStream(header)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open tunnel: %w", err), session.Close())
	}
	_ = failure.Close() // nothing is written to it
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := session.CreateStream(header)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open tunnel: %w", err), session.Close())
	}
	t := &tunnel{Stream: data, session: session, failed: make(chan struct{})}
	go t.listen(failure) // ends with the session
	return t, nil
}

// newDialer speaks SPDY over WebSocket, which gets through proxies, and SPDY alone
// to API servers before 1.30, which know nothing else.
func newDialer(config *rest.Config, target *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, fmt.Errorf("prepare tunnel: %w", err)
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	current, err := portforward.NewSPDYOverWebsocketDialerForStreaming(target, config)
	if err != nil {
		return nil, fmt.Errorf("prepare tunnel: %w", err)
	}
	return portforward.NewFallbackDialerForStreaming(current, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// open dials, and gives up when the context ends, which the dialer cannot.
func open(ctx context.Context, d httpstream.Dialer) (httpstream.Connection, error) {
	type result struct {
		session httpstream.Connection
		err     error
	}
	done := make(chan result, 1)
	go func() { // ends with the time-outs of the dialer at the latest
		session, protocol, err := d.Dial(portforward.PortForwardProtocolV1Name)
		if err == nil && protocol != portforward.PortForwardProtocolV1Name {
			err = errors.Join(fmt.Errorf("the server speaks %q in tunnels", protocol), session.Close())
		}
		done <- result{session, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("open tunnel: %w", r.err)
		}
		return r.session, nil
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				_ = r.session.Close()
			}
		}()
		return nil, fmt.Errorf("open tunnel: %w", context.Cause(ctx))
	}
}

// refusal is what a node says about a connection that it could not make.
type refusal string

func (r refusal) Error() string { return string(r) }

// tunnel is a connection to a port of a pod.
type tunnel struct {
	httpstream.Stream
	session httpstream.Connection
	once    sync.Once

	// why is what the node says about the end of the tunnel; it is set when failed is
	// closed.
	why    string
	failed chan struct{}
}

// maxFailure is how much a node may say about a failure.
const maxFailure = 4 << 10

func (t *tunnel) listen(failure io.Reader) {
	defer close(t.failed)
	text, _ := io.ReadAll(io.LimitReader(failure, maxFailure)) // what was read counts
	t.why = strings.TrimSpace(string(text))
}

// Read implements net.Conn. At the end it asks whether the node says why.
func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.Stream.Read(b)
	if err != io.EOF {
		return n, err
	}
	select {
	case <-t.failed:
	case <-t.session.CloseChan():
	}
	select {
	case <-t.failed:
		if t.why != "" {
			return n, refusal(t.why)
		}
	default:
	}
	return n, io.EOF
}

// Close implements net.Conn.
func (t *tunnel) Close() (err error) {
	t.once.Do(func() {
		_ = t.Stream.Reset()
		err = t.session.Close()
	})
	return err
}

// LocalAddr implements net.Conn; a tunnel has none.
func (t *tunnel) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements net.Conn; a tunnel has none.
func (t *tunnel) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline implements net.Conn. Requests end by their contexts, which close the
// connection.
func (t *tunnel) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is like SetDeadline.
func (t *tunnel) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is like SetDeadline.
func (t *tunnel) SetWriteDeadline(time.Time) error { return nil }
