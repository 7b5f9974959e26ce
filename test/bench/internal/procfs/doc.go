// Package procfs reads how much CPU time and memory processes have used, from
// Linux's /proc.
//
// CPU time is the scheduler's own count of nanoseconds on a CPU, not samples
// taken at clock ticks: it is exact even where a process runs for a few
// microseconds at a time, as a proxy does, and it leaves out the time that other
// processes held the CPU.
package procfs
