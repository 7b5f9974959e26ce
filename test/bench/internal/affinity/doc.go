// Package affinity puts processes on CPUs.
//
// A comparison needs the proxy alone on one CPU, and whatever asks and answers it
// on another. Processes are put in place before they start: nginx and Go look at
// their CPUs once, to decide how many threads to run.
//
// Where the kernel does not allow it the package says so, and everything runs
// wherever the kernel likes.
package affinity
