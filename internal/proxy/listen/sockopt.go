package listen

import (
	"strings"
	"syscall"
)

// prepareSocket sets what accepted connections inherit, so that it costs one
// call per listener and not one per connection.
func prepareSocket(network, _ string, c syscall.RawConn) error {
	var err error
	control := func(fd uintptr) {
		if strings.HasPrefix(network, "udp") {
			// Which of our addresses a datagram came to, to answer from it.
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
			if strings.HasSuffix(network, "6") {
				err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1)
			}
			return
		}
		// Probes find clients that vanished without a word during long relays.
		for _, option := range [...][3]int{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 60},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 4},
		} {
			if e := syscall.SetsockoptInt(int(fd), option[0], option[1], option[2]); e != nil && err == nil {
				err = e
			}
		}
	}
	if e := c.Control(control); e != nil {
		return e
	}
	return err
}
