// Package meshconfig turns the mesh configuration that a user wrote into what the
// control plane does.
//
// The object, api/config, has the names of FSM 1.2 and more than any one version acts
// upon. A [Config] has only what acts, in the types of those who act: parsed,
// complete, and comparable with ==. What the object does not say is what the control
// plane was installed with.
//
// A configuration with a mistake yields no Config at all, never half of one. Whoever
// follows the object keeps the one before, and the admission webhook refuses the
// object for the same reasons, because it asks the same function.
//
// The package reads no cluster and knows nothing of how a Config gets to act.
package meshconfig
