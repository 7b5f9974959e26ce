// Package leader chooses one of several controllers, by a Lease in the cluster.
//
// Leading is for writing only: every controller reads, translates and serves its
// proxies, whether it leads or not. Losing the lead is therefore nothing that ends
// a process; it becomes a candidate again.
package leader
