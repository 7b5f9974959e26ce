// Package readme executes the README: each line of its sh blocks, in their
// order, in a directory that looks like a checkout after make build. A text block
// that follows directly is how the output has to begin. It also looks at the
// manifests in the other documents.
//
// Commands are judged by their output and exit code, as a reader would; the
// package knows nothing of FSM beyond which commands go on serving.
package readme
