package procfs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Connections counts the established TCP connections that some processes have to
// an IPv4 address.
func Connections(pids []int, to netip.AddrPort) (int, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, fmt.Errorf("list connections: %w", err)
	}
	sockets := connectedTo(string(table), to)
	count := 0
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			return 0, err
		}
		for _, file := range files {
			if name, err := os.Readlink(file); err == nil && sockets[name] { // else closed in the meantime
				count++
			}
		}
	}
	return count, nil
}

// connectedTo lists the established connections to an address in a table as
// Documentation/networking/proc_net_tcp.rst of the kernel describes it, by the
// names that open files have: "socket:[4711]".
func connectedTo(table string, to netip.AddrPort) map[string]bool {
	const remote, state, inode = 2, 3, 9
	const established = "01"
	a := to.Addr().As4()
	// The kernel prints the address as a number in the machine's own order.
	want := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(a[:]), to.Port())
	sockets := map[string]bool{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > inode && fields[remote] == want && fields[state] == established {
			sockets["socket:["+fields[inode]+"]"] = true
		}
	}
	return sockets
}
