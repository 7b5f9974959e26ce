// Package loadbalancer gives Services of type LoadBalancer addresses, as a cloud does.
// It allocates, writes the status, and says which node has to get the traffic of those
// that want it where their pods are (externalTrafficPolicy: Local). It forwards nothing:
// kube-proxy answers for addresses that are in a status, and routes are the network's
// business.
package loadbalancer
