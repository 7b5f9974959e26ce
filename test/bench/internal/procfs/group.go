package procfs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Group lists the processes of a process group, in order of their ids.
func Group(id int) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // fails only for a bad pattern
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // ended in the meantime
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && groupOf(string(stat)) == id {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// groupOf reads the process group, field 5 of proc_pid_stat(5). It is 0 for a
// process that has ended but was not waited for: that one has no more to count.
func groupOf(stat string) int {
	const state, group = 0, 2 // counted from field 3
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= group || fields[state] == "Z" {
		return 0
	}
	id, err := strconv.Atoi(fields[group])
	if err != nil {
		return 0
	}
	return id
}
