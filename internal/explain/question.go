package explain

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"fsm/internal/ir"
)

// Question is a request that somebody wonders about.
type Question struct {
	// Method of the request, or MethodGRPC.
	Method string
	// URL of the request, as a client would be given it. Its address and port
	// choose the listener.
	URL string
	// Headers are header lines: "Name: value". Host replaces that of the URL.
	Headers []string
	// ServerName is sent in the TLS handshake; empty for the host of the URL.
	ServerName string
	// Client is the address that the request comes from; zero for that of the machine
	// itself.
	Client netip.Addr
	// Gateway to ask; empty for any.
	Gateway ir.GatewayName
}

// request is a question in the terms of a connection.
type request struct {
	secure bool
	// host and port are where the client connects to.
	host string
	port uint16
	// serverName is that of the TLS handshake.
	serverName string
	client     netip.Addr
	// head is what the client sends.
	head []byte
}

func (q Question) request() (r request, err error) {
	scheme, rest, ok := strings.Cut(q.URL, "://")
	switch scheme = strings.ToLower(scheme); {
	case !ok || scheme != "http" && scheme != "https":
		return r, fmt.Errorf("URL %q: want http://HOST[:PORT]/PATH or https://…", q.URL)
	case q.Method == "":
		return r, fmt.Errorf("method is empty")
	}
	r.secure = scheme == "https"
	if r.client = q.Client.Unmap(); !r.client.IsValid() {
		r.client = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	rest, _, _ = strings.Cut(rest, "#") // a fragment is not sent
	authority, target := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, target = rest[:i], rest[i:]
	}
	if strings.HasPrefix(target, "?") {
		target = "/" + target
	}
	if r.host, r.port, err = splitAuthority(authority, r.secure); err != nil {
		return r, fmt.Errorf("URL %q: %w", q.URL, err)
	}
	r.serverName = q.ServerName
	if _, err := netip.ParseAddr(r.host); err != nil && r.serverName == "" {
		r.serverName = r.host // clients send no address as a server name (RFC 6066, section 3)
	}
	r.head, err = q.head(target, authority)
	return r, err
}

// splitAuthority is the host without brackets and the port.
func splitAuthority(authority string, secure bool) (host string, port uint16, err error) {
	host = authority
	port = 80
	if secure {
		port = 443
	}
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		n, err := strconv.ParseUint(authority[i+1:], 10, 16)
		if err != nil {
			return "", 0, fmt.Errorf("port %q is not a port", authority[i+1:])
		}
		host, port = authority[:i], uint16(n)
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" {
		return "", 0, fmt.Errorf("host is missing")
	}
	return strings.ToLower(host), port, nil
}

// head is the request as HTTP/1.1. Nothing in it is checked: that is the proxy's
// part.
func (q Question) head(target, authority string) ([]byte, error) {
	host, lines := "Host: "+authority, ""
	for _, h := range q.Headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("header %q: want \"Name: value\"", h)
		}
		line := name + ": " + strings.TrimSpace(value)
		if strings.EqualFold(name, "Host") {
			host = line
			continue
		}
		lines += line + "\r\n"
	}
	return []byte(q.Method + " " + target + " HTTP/1.1\r\n" + host + "\r\n" + lines + "\r\n"), nil
}

// reaches tells whether a client that connects to the host of the request can
// end up at an address.
func (r *request) reaches(address string) bool {
	bound, err := netip.ParseAddr(address)
	if address == "" || err == nil && bound.IsUnspecified() {
		return true
	}
	if r.host == "localhost" {
		return bound.IsLoopback()
	}
	ip, err := netip.ParseAddr(r.host)
	return err != nil || ip.Unmap() == bound.Unmap() // what a name resolves to is not known here
}

func (r *request) address() string { return net.JoinHostPort(r.host, strconv.Itoa(int(r.port))) }
