// Package peer runs the proxies that are compared, and the HTTP backend behind
// them.
//
// Each peer gets the configuration its own documentation would suggest for a plain
// reverse proxy: one worker, connections to the backend kept open, the same routes
// and the same one header added, no access log unless it is asked for. Nothing is
// switched off that users would leave on, and nothing is tuned that they would not
// find; the templates next to this file are all there is to it.
//
// A peer is a process of its own, in a process group of its own, on the CPU for
// proxies. Stopping it ends the whole group.
package peer
