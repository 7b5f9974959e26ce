package grpctest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// These make this program a server under test: "front SERVER [FLAG...]".
const (
	// frontCommand uses TLS on both sides of the gateway, if on any.
	frontCommand = "front"
	// plainFrontCommand is for a server that does not speak TLS.
	plainFrontCommand = "front-of-plaintext"
)

// front is a server of the suite with a gateway before it: it starts the server
// that is named, as the suite would, and answers in its place.
//
// TLS of a case is for both sides of the gateway, if the server speaks it, while
// certificates of clients end at the gateway.
func front(ctx context.Context, server []string, plaintext bool) error {
	request, err := readDelimited(os.Stdin)
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	g := gateway{log: os.Stderr}
	secure := request.number(requestUseTLS) != 0
	if secure {
		creds, err := parseMessage(request.bytes(requestServerCreds))
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		g.certificate, g.key = creds.bytes(credentialsCert), creds.bytes(credentialsKey)
		g.clients = request.bytes(requestClientCert)
	}
	request = request.without(requestClientCert)
	if plaintext {
		request = request.without(requestUseTLS).without(requestServerCreds)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	response, wait, err := startServer(ctx, server, request)
	if err != nil {
		return err
	}
	defer wait()
	defer stop()
	g.server = net.JoinHostPort(string(response.bytes(responseHost)), strconv.FormatUint(response.number(responsePort), 10))
	if secure && !plaintext {
		g.authority = response.bytes(responseCertificate)
	}
	addr, waitGateway, err := g.start(ctx)
	if err != nil {
		return err
	}
	defer waitGateway()
	if err := writeDelimited(os.Stdout, answer(addr, g.certificate)); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	<-ctx.Done()
	return nil
}

// answer is a ServerCompatResponse.
func answer(addr string, certificate []byte) message {
	host, digits, _ := net.SplitHostPort(addr)
	port, _ := strconv.ParseUint(digits, 10, 16)
	return message{text(responseHost, []byte(host)), number(responsePort, port), text(responseCertificate, certificate)}
}

// startServer starts a server of the suite until the context ends.
func startServer(ctx context.Context, command []string, request message) (response message, wait func(), err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	if err := errors.Join(writeDelimited(stdin, request), stdin.Close()); err != nil {
		return nil, nil, fmt.Errorf("ask %s: %w", command[0], err)
	}
	if response, err = readDelimited(stdout); err != nil {
		return nil, nil, fmt.Errorf("read answer of %s: %w", command[0], err)
	}
	return response, func() { _ = cmd.Wait() }, nil
}
