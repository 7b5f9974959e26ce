// Package inspect asks what runs in a cluster: controllers for the proxies that
// they know, and proxies for what they do. It changes nothing.
//
// What it asks listens on the loopback interface of pods, so that nothing on the
// pod network can ask the same. The way there is the one of kubectl port-forward: a
// tunnel through the API server to the node, which needs the right to create
// pods/portforward and opens no port on this machine.
package inspect
