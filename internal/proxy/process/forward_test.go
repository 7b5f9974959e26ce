package process_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/proxy/proxytest"
)

// TestForward: ports of both networks are forwarded; a port that is taken is an
// error.
func TestForward(t *testing.T) {
	tcpBackend, udpBackend := backends(t)
	tcp, udp := unusedPort(t), unusedPort(t)
	feed, err := process.Forward([]string{"tcp/" + tcp + "=" + tcpBackend, "udp/" + udp + "=" + udpBackend}, []string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	p := proxytest.Start(t, proxy.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- feed(ctx, p.Proxy) }()
	for network, port := range map[string]string{"tcp": tcp, "udp": udp} {
		want := network + " hello\n"
		proxytest.Eventually(t, network, func() bool { got, err := asked(network, port); return err == nil && got == want })
	}

	second, err := process.Forward([]string{"tcp/" + tcp + "=" + tcpBackend}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := second(ctx, proxytest.Start(t, proxy.Config{}).Proxy); err == nil || !strings.Contains(err.Error(), "forward tcp/"+tcp) {
		t.Errorf("a port that is taken: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// backends answer one line over TCP, and every datagram.
func backends(t *testing.T) (tcp, udp string) {
	t.Helper()
	backend := proxytest.Serve(t, func(c *proxytest.Conn) {
		line, err := c.R.ReadString('\n')
		if err == nil {
			c.Send("tcp " + line)
		}
	})
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = datagrams.Close() })
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := datagrams.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = datagrams.WriteTo(append([]byte("udp "), b[:n]...), from)
		}
	}()
	return backend.Addr, datagrams.LocalAddr().String()
}

// asked says hello and returns the answer.
func asked(network, port string) (string, error) {
	c, err := net.DialTimeout(network, "127.0.0.1:"+port, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func unusedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// TestForwardMistakes: what is wrong is named.
func TestForwardMistakes(t *testing.T) {
	for _, test := range []struct {
		texts   []string
		sources []string
		want    string
	}{
		{[]string{"tcp/80"}, nil, "a part is missing"},
		{[]string{"80=10.0.0.1:80"}, nil, "a part is missing"},
		{[]string{"sctp/80=10.0.0.1:80"}, nil, "neither tcp nor udp"},
		{[]string{"tcp/0=10.0.0.1:80"}, nil, `"0" is no port`},
		{[]string{"tcp/80=web:80"}, nil, "no IP address with a port"},
		{[]string{"tcp/80=10.0.0.1:80", "udp/80=10.0.0.1:80", "tcp/80=10.0.0.2:80"}, nil, `"tcp/80=10.0.0.2:80": the port is forwarded already`},
		{[]string{"tcp/80=10.0.0.1:80"}, []string{"10.0.0.1"}, `source "10.0.0.1"`},
	} {
		if _, err := process.Forward(test.texts, test.sources); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %q", test.texts, err, test.want)
		}
	}
}
