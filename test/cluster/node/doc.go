// Package node is a node of a test cluster, from the inside: what turns a process in
// fresh namespaces into a machine with containerd, a kubelet and kube-proxy.
//
// A node has its own network, processes, mounts, host name and cgroups. It shares the
// programs and libraries of the machine, and covers all directories that it writes to
// with its own. Killing its first process ends it.
package node
