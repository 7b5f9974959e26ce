// Package e2e does in a cluster what a user does after reading the documents: installs
// FSM, follows the pages on the gateway, makes mistakes and mends them, looks at what
// runs, upgrades and uninstalls, with kubectl, curl and fsm and by no other means.
//
// The scripts in testdata read like a session in a terminal, and README.md says how. They
// need a cluster in which FSM is not installed yet, and leave it that way, so that they
// never run by accident: "make e2e" runs them.
package e2e
