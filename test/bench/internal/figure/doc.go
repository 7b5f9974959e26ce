// Package figure makes the figures that a comparison is judged by.
//
// Rounds of a benchmark drift together: a busy machine slows every peer of the
// round. So peers are compared within a round, as a ratio, and the ratios are
// then summed up over the rounds. A ratio of two medians would mix rounds.
//
// The package knows nothing of what is counted, and keeps no state.
package figure
