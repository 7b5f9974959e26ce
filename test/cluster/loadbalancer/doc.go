// Package loadbalancer gives Services of type LoadBalancer addresses, as a cloud does.
// It allocates and writes the status, nothing more: kube-proxy answers for addresses
// that are in a status, and routes to the range are the network's business.
package loadbalancer
