package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"fsm/test/bench/internal/affinity"
	"fsm/test/bench/internal/peer"
)

// describe says on what and with what the figures were made.
func describe(layout affinity.Layout, programs peer.Programs) string {
	return fmt.Sprintf("machine: %s, %d CPUs, Linux %s; %s\nprograms: %s",
		model(), runtime.NumCPU(), firstLine("/proc/sys/kernel/osrelease"), layout, programs.Versions())
}

func model() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "of unknown version"
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}
