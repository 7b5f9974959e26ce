// Package servicelb gives Services of type LoadBalancer the addresses of nodes, in
// clusters that have nobody else for that.
//
// Each Service gets a DaemonSet in a namespace of its own. Its pods hold the ports of
// the Service on their nodes and forward what arrives to the Service's cluster IP; the
// addresses of nodes whose pods are ready become the Service's. Ports of nodes are
// what the restricted Pod Security Standard forbids, hence the namespace.
//
// # Whose Services
//
// Those without a loadBalancerClass, or with [Class]. A Service that somebody else
// gave addresses to is left alone: the API server knows who wrote a status, and ours
// is written under a name of its own. So is what is taken back. A DaemonSet is the
// only memory: a Service's addresses go before it does, and none of ours is left
// without one.
//
// # What is not done
//
// Backends see the address of a pod as the client's, whatever the Service's
// externalTrafficPolicy: a forwarder has no other to offer. Nobody but the leader may
// run a Controller.
package servicelb
