package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// identity is which process a supervisor is. Process numbers come back; with the time
// that it started they do not.
type identity struct {
	PID     int
	Started string
	// Programs is where those of the lab are.
	Programs string
}

// stat of a process is its state and when it started; proc_pid_stat(5).
func stat(pid int) (state, started string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", "", fmt.Errorf("look at process %d: %w", pid, err)
	}
	// The second field, a name in parentheses, may contain anything.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	fields := strings.Fields(rest)
	const startedAt = 22 - 3 // the first field here is the third there
	if len(fields) <= startedAt {
		return "", "", fmt.Errorf("look at process %d: %q", pid, text)
	}
	return fields[0], fields[startedAt], nil
}

func identify(pid int) (identity, error) {
	_, started, err := stat(pid)
	return identity{PID: pid, Started: started}, err
}

// runs tells that the process has not ended. One that ended and that its parent has not
// asked for yet is a zombie; it has no descendants in its namespace any more.
func (i identity) runs() bool {
	state, started, err := stat(i.PID)
	return err == nil && started == i.Started && state != "Z" && state != "X"
}

func (i identity) signal(s syscall.Signal) error {
	err := syscall.Kill(i.PID, s)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end supervisor: %w", err)
	}
	return nil
}

// network is the file of the process's network namespace.
func (i identity) network() string { return "/proc/" + strconv.Itoa(i.PID) + "/ns/net" }

func identityFile(dir string) string { return filepath.Join(dir, "supervisor.json") }

func (i identity) save(dir string) error {
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if err := os.WriteFile(identityFile(dir), text, 0o644); err != nil {
		return fmt.Errorf("write identity of supervisor: %w", err)
	}
	return nil
}

func saved(dir string) (identity, error) {
	text, err := os.ReadFile(identityFile(dir))
	if err != nil {
		return identity{}, fmt.Errorf("read identity of supervisor: %w", err)
	}
	var i identity
	if err := json.Unmarshal(text, &i); err != nil {
		return identity{}, fmt.Errorf("read identity of supervisor: %w", err)
	}
	return i, nil
}
