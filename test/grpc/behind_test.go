package grpctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
)

// These make this program a client under test.
const (
	// behindCommand uses TLS on both sides of the gateway, if on any: "behind
	// CERTIFICATE KEY CLIENT [FLAG...]".
	behindCommand = "behind"
	// plainBehindCommand is for a client that does not speak TLS:
	// "behind-plaintext CLIENT [FLAG...]".
	plainBehindCommand = "behind-plaintext"
)

// behindTLS is behind for a client that speaks TLS.
func behindTLS(ctx context.Context, args []string) error {
	certificate, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	key, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	return behind(ctx, &detours{certificate: certificate, key: key}, args[2:])
}

// behind is a client of the suite with a gateway behind it: it starts the client
// that is named, and has each of its calls go to a gateway in front of the server
// that the call is meant for.
func behind(ctx context.Context, d *detours, command []string) error {
	ctx, stop := context.WithCancel(ctx)
	d.addrs = map[string]string{}
	defer d.wait()
	defer stop()
	client := exec.CommandContext(ctx, command[0], command[1:]...)
	client.Stdout, client.Stderr = os.Stdout, os.Stderr
	calls, err := client.StdinPipe()
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	err = d.redirect(ctx, os.Stdin, calls)
	return errors.Join(err, calls.Close(), client.Wait())
}

// detours are the gateways, one for each server.
type detours struct {
	// certificate and key are shown to the client; none to one without TLS.
	certificate, key []byte
	// addrs of the gateways, by those of their servers.
	addrs map[string]string
	waits []func()
}

func (d *detours) wait() {
	for _, wait := range d.waits {
		wait()
	}
}

// redirect copies calls, and changes where they go.
func (d *detours) redirect(ctx context.Context, from io.Reader, to io.Writer) error {
	for {
		call, err := readDelimited(from)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read call: %w", err)
		}
		server := net.JoinHostPort(string(call.bytes(callHost)), strconv.FormatUint(call.number(callPort), 10))
		addr, err := d.to(ctx, server, call.bytes(callServerCert))
		if err != nil {
			return fmt.Errorf("start gateway: %w", err)
		}
		host, digits, _ := net.SplitHostPort(addr)
		port, _ := strconv.ParseUint(digits, 10, 16)
		if call.bytes(callServerCert) != nil {
			call = call.without(callServerCert)
			if d.certificate != nil {
				call, host = call.with(text(callServerCert, d.certificate)), serverName
			}
		}
		call = call.with(text(callHost, []byte(host))).with(number(callPort, port))
		if err := writeDelimited(to, call); err != nil {
			return fmt.Errorf("pass call on: %w", err)
		}
	}
}

// to is the address of the gateway in front of a server.
func (d *detours) to(ctx context.Context, server string, authority []byte) (string, error) {
	if addr, ok := d.addrs[server]; ok {
		return addr, nil
	}
	g := gateway{server: server, log: os.Stderr}
	if authority != nil {
		g.authority, g.certificate, g.key = authority, d.certificate, d.key
	}
	addr, wait, err := g.start(ctx)
	if err != nil {
		return "", err
	}
	d.addrs[server], d.waits = addr, append(d.waits, wait)
	return addr, nil
}
