// Package webhook answers the API server's question whether an object that somebody
// is about to write may be written.
//
// It is asked about our own kinds and about Ingresses, and refuses what would not be taken over
// or served anyway: the judge of a kind asks the same function as those who act on the kind. So
// an answer that does not come costs a user an early word and nothing else, and
// nobody relies on the webhook.
//
// Whoever can reach the port can ask; an answer gives nothing away and changes
// nothing. What a question may cost is bounded, in size, in time, and in the memory
// of all of them together.
//
// [Registration] tells the API server where to ask and whose certificate to trust. It
// only completes what the chart has installed: without that nobody asks.
package webhook
