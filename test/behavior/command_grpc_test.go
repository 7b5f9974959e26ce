package behavior

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// textCodec has messages be text, which is JSON in answers, so that scripts need
// no descriptions of services.
type textCodec struct{}

// Name implements encoding.Codec.
func (textCodec) Name() string { return "json" }

// Marshal implements encoding.Codec.
func (textCodec) Marshal(v any) ([]byte, error) { return []byte(*v.(*string)), nil }

// Unmarshal implements encoding.Codec.
func (textCodec) Unmarshal(data []byte, v any) error {
	*v.(*string) = string(data)
	return nil
}

// callConduct is how a gRPC backend answers.
type callConduct struct {
	delay   time.Duration
	code    codes.Code
	message string
	fail    int
	headers list
	output  io.Writer // of what becomes of calls
}

// cmdGRPCBackend starts a backend that takes every call of gRPC, and answers each
// message with what it saw: "grpc-backend [-service NAME] [-ns NAMESPACE] [-tls
// CERT] [-delay D] [-code CODE [-message TEXT] [-fail N]] [-header 'NAME: VALUE']
// NAME".
func cmdGRPCBackend(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	b, c := &backend{port: s.nextPort}, callConduct{output: &s.output}
	f.StringVar(&b.service, "service", "", "the Service it belongs to, if not one of its own")
	namespace, cert := f.String("ns", "default", "the Service's namespace"), f.String("tls", "", "certificate")
	code := f.String("code", "OK", "status of answers")
	f.StringVar(&c.message, "message", "", "message of the status")
	f.IntVar(&c.fail, "fail", 0, "how many calls get that status, 0 for all")
	f.DurationVar(&c.delay, "delay", 0, "before each answer")
	f.Var(&c.headers, "header", "of answers")
	names := f.parse(args)
	if neg || len(names) != 1 || s.backends[names[0]] != nil {
		ts.Fatalf("usage: grpc-backend [FLAGS] NAME")
	}
	c.code = parseCode(ts, *code)
	b.name, b.service = names[0], cmp.Or(b.service, names[0])
	s.nextPort++

	b.secure = *cert != ""

	ln, err := net.Listen("tcp", s.address(strconv.Itoa(b.port)))
	ts.Check(err)
	cfg, err := s.addedTLS()
	ts.Check(err)
	if b.secure {
		cfg = s.backendTLS(ts, *cert, "")
	}
	if cfg != nil {
		cfg.NextProtos = []string{"h2"}
		ln = tls.NewListener(ln, cfg)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(textCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		return b.serveCall(stream, c)
	}))
	b.closers = append(b.closers, closer(server.Stop))
	b.wg.Go(func() { _ = server.Serve(ln) }) // ends with close
	s.backends[b.name] = b
	ts.Check(s.writeService(*namespace, b.service))
	ts.Check(s.settle())
}

type closer func()

// Close implements io.Closer.
func (c closer) Close() error {
	c()
	return nil
}

// parseCode reads the name of a status code: "UNAVAILABLE".
func parseCode(ts *testscript.TestScript, name string) (c codes.Code) {
	ts.Check(c.UnmarshalJSON([]byte(strconv.Quote(name))))
	return c
}

// serveCall answers the messages of a call.
func (b *backend) serveCall(stream grpc.ServerStream, c callConduct) error {
	saw := b.describeCall(stream)
	header := metadata.MD{}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ":")
		header.Append(name, strings.TrimSpace(value))
	}
	stream.SetTrailer(metadata.Pairs("trailer-of", b.name))
	if err := stream.SetHeader(header); err != nil {
		return err
	}
	for n := 0; ; {
		if err := stream.RecvMsg(&saw.Body); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if n == 0 {
			n = b.record(saw)
		}
		select {
		case <-time.After(c.delay):
		case <-stream.Context().Done():
			_, _ = fmt.Fprintf(c.output, "%s: %v\n", b.name, stream.Context().Err())
			return stream.Context().Err()
		}
		if c.code != codes.OK && (c.fail == 0 || n <= c.fail) {
			return status.Error(c.code, c.message)
		}
		answer, err := json.Marshal(saw)
		if err != nil {
			return err
		}
		text := string(answer)
		if err := stream.SendMsg(&text); err != nil {
			return err
		}
	}
}

func (b *backend) describeCall(stream grpc.ServerStream) request {
	path, _ := grpc.MethodFromServerStream(stream)
	saw := request{Backend: b.name, Method: http.MethodPost, Path: path, Proto: "HTTP/2.0", Headers: map[string]string{}}
	received, _ := metadata.FromIncomingContext(stream.Context())
	for name, values := range received {
		if name == ":authority" {
			saw.Host = values[0]
			continue
		}
		saw.Headers[http.CanonicalHeaderKey(name)] = strings.Join(values, ", ")
	}
	return saw
}

// grpcCall is a call of gRPC, as flags and a URL describe it.
type grpcCall struct {
	path     string
	headers  metadata.MD
	text     string
	messages int
	timeout  time.Duration
	conn     *grpc.ClientConn
}

const grpcUsage = "[-H 'NAME: VALUE'] [-d TEXT] [-n N] [-timeout D] [-ca CA] [-cert CERT] [-sni NAME] http[s]://HOST[:PORT]/SERVICE/METHOD"

// parseGRPCCall reads the flags of a call, and returns the other arguments. The
// connection has to be closed.
func parseGRPCCall(ts *testscript.TestScript, args []string) (grpcCall, []string) {
	f := newFlags(ts)
	c := grpcCall{headers: metadata.MD{}}
	headers := f.list("H", "header")
	f.StringVar(&c.text, "d", "hello", "message")
	f.IntVar(&c.messages, "n", 1, "how many messages, each after the answer to the one before")
	f.DurationVar(&c.timeout, "timeout", exchangeTimeout, "deadline")
	options := f.tls()
	rest := f.parse(args)
	if len(rest) == 0 {
		ts.Fatalf("usage: %s", grpcUsage)
	}
	u, err := url.Parse(rest[0])
	ts.Check(err)
	c.path = u.Path
	authority := u.Host
	for _, h := range *headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimSpace(value); strings.EqualFold(name, "host") {
			authority = value
		} else {
			c.headers.Append(name, value)
		}
	}
	u.Host = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "8000"))
	dialer := &client{stateOf(ts), options.config(ts)}
	transport := insecure.NewCredentials()
	switch {
	case u.Scheme == "https":
		transport = credentials.NewTLS(dialer.tls)
	case dialer.script.secured(u):
		transport = credentials.NewTLS(dialer.tlsFor(authority))
	}
	c.conn, err = grpc.NewClient("passthrough:///"+u.Host,
		grpc.WithAuthority(authority), grpc.WithTransportCredentials(transport),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return dialer.dial(ctx, "tcp", address) }),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(textCodec{})))
	ts.Check(err)
	return c, rest[1:]
}

// do makes the call. What comes back is the last message, or that of the status,
// and the fields of header and trailer.
func (c grpcCall) do() (response, codes.Code) {
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), c.headers), c.timeout)
	defer cancel()
	got := response{header: http.Header{}}
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, c.path)
	if err == nil {
		got.body, err = c.exchange(stream)
		header, _ := stream.Header() // err says more
		for _, fields := range []metadata.MD{header, stream.Trailer()} {
			for name, values := range fields {
				got.header[http.CanonicalHeaderKey(name)] = values
			}
		}
	}
	if err != nil {
		got.body = status.Convert(err).Message()
	}
	return got, status.Code(err)
}

// exchange sends the messages, and returns the last answer.
func (c grpcCall) exchange(stream grpc.ClientStream) (answer string, err error) {
	for range c.messages {
		if err := stream.SendMsg(&c.text); err != nil && !errors.Is(err, io.EOF) { // of which RecvMsg knows more
			return "", err
		}
		if err := stream.RecvMsg(&answer); err != nil {
			return "", err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	var more string
	if err := stream.RecvMsg(&more); err == nil {
		return "", errors.New("there was one more answer")
	} else if !errors.Is(err, io.EOF) {
		return "", err
	}
	return answer, nil
}

// cmdGRPC makes a call, and compares its status and the backend that answered:
// "grpc FLAGS URL [CODE [BACKEND]]".
func cmdGRPC(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: grpc %s [CODE [BACKEND]]", grpcUsage)
	}
	c, want := parseGRPCCall(ts, args)
	defer c.conn.Close()
	got, code := c.do()
	stateOf(ts).last = got
	ts.Logf("%v %v\n%s", code, got.header, got.body)
	if len(want) > 0 && parseCode(ts, want[0]) != code {
		ts.Fatalf("status %v, want %s", code, want[0])
	}
	if len(want) > 1 {
		expect(ts, false, "backend", got.backend(), want[1])
	}
}

// cmdGRPCSpread makes calls over one connection and compares how many each
// backend answered: "grpc-spread N FLAGS URL BACKEND=N...". Other answers are told
// by their status.
func cmdGRPCSpread(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: grpc-spread N %s BACKEND=N...", grpcUsage)
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	c, want := parseGRPCCall(ts, args[1:])
	defer c.conn.Close()
	counts := map[string]int{}
	for range n {
		got, code := c.do()
		counts[cmp.Or(got.backend(), code.String())]++
	}
	compareCounts(ts, counts, want)
}
