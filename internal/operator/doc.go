// Package operator is the control plane in a Kubernetes cluster: it brings together
// what the other packages do.
//
// Objects are read from the API server, translated, and delivered to the proxies of
// each Gateway, which the package has Kubernetes run. What proxies answer becomes,
// with the translation's report, the statuses of objects.
//
// # Several replicas
//
// Every replica reads and delivers; only the leader writes. A proxy is connected to
// one of them, whichever the Service led it to. The others tell the leader, whose
// address is in the Lease, what their proxies answered: all of it, whenever something
// changed and every two seconds, as one POST over mutual TLS to the port that proxies
// use. Nothing is kept in the cluster for this, and a message that gets lost is made
// good by the next. What an answer was about is compared by marks, which replicas
// that have read the same objects make alike (see mark); a replica that has not read
// the latest yet has an older mark, and its proxies do not count until it has. A new
// leader knows its own proxies at once and the others' within the next message; what
// was programmed stays so in the meantime.
//
// # Workloads
//
// Objects of Gateways are applied, and applied again when somebody changes them. What
// a Gateway no longer asks for is deleted, and everything when another controller's
// class takes it over; what the Gateway does not own, or does not carry our label, is
// never deleted. A Gateway that is not accepted keeps what it has. One that is made
// again under its name waits until nothing is left of the one before, so that its
// Service has the name that users know.
//
// # Ingresses
//
// The proxies that serve Ingresses come and go with the mesh configuration, which owns
// their objects: nobody's Ingress does. Those of a namespace that has its own belong to
// its NamespacedIngress. They are not counted, because an Ingress has no condition that
// would say whether they serve; its status has the addresses of their Service, and what
// there is to say about it becomes events, each one once.
//
// The certificate that they show to backends is a Secret, which the leader writes, and
// which every replica reads like those that users refer to. So replicas agree on it, and
// ingresses of other makes can be given the same.
//
// While Ingresses are served and Gateways are not, Gateways are as if they had no class.
//
// # Gateways without a class
//
// A Gateway whose GatewayClass does not exist any longer stays as it is: workload,
// status, and what its proxies serve. They are sent nothing, whether they were
// connected before or not, so that one with a snapshot of its own keeps that.
//
// # Readiness
//
// A replica is ready once it has read the cluster and translated what it read,
// whether it leads or not. From then on it stays so: without an API server it
// delivers what it has.
//
// The package decides nothing about traffic. It restarts nothing that runs, and its
// absence disturbs no proxy.
package operator
