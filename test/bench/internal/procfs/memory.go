package procfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Resident is the resident memory of some processes in bytes. Pages that they
// share count once for each of them.
func Resident(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, fmt.Errorf("read resident memory: %w", err)
		}
		n, err := parseResident(string(status))
		if err != nil {
			return 0, fmt.Errorf("read resident memory of process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}

func parseResident(status string) (int64, error) {
	for line := range strings.Lines(status) {
		value, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("VmRSS: %w", err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("no VmRSS; the process has ended")
}
