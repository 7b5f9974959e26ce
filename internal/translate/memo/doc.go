// Package memo reuses what was made before, as long as everything it was made
// from is the same.
//
// There are two kinds of nodes. [Inputs] come from outside. A [Value] is made by
// a function that reads other nodes through a [Recorder]; the recorder keeps the
// nodes in the order in which they were read. Work is done in runs, numbered by a
// [Clock]: inputs are refreshed at the beginning of a run and values are asked
// for after that. When a value is asked for, the nodes that it was made from are
// brought up to date in their order; the value is made anew when one of them has
// changed since, and is otherwise the same as before. A value that comes out
// equal to the one before does not count as a change, so what depends on it stays.
//
// There are no cache keys to keep in step with the code: what was read is
// recorded by reading it.
//
// The package stores values for one owner on one goroutine. It does not evict by
// size or age: from time to time it drops what the last run had no need of.
package memo
