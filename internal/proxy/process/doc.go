// Package process runs a proxy as a process does: with an admin interface, log
// files, memory limits from the container, and a gentle end on SIGTERM.
//
// Where snapshots come from is handed in.
package process
