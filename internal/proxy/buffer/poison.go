//go:build !race

package buffer

// poison overwrites returned buffers so that a use after Put shows; tests run
// with it because they run under the race detector.
const poison = false
