// Package deliver brings snapshots to proxies and their answers back.
//
// A delivery is told of each new mesh, selects from it what each proxy needs, and
// hands that over. A proxy has at most one snapshot that it has not answered; the
// meshes that come meanwhile are skipped, but for the last. What a proxy could not
// put to work comes back with the answer and does not hold up the rest. A mesh may
// have nothing for a proxy, which is not the same as an empty snapshot: the proxy
// hears nothing, and stays with what it has.
//
// [Local] delivers to a proxy in the same process; [Server] and [Client] are the
// two ends of a stream over the network. Nothing but this package knows the
// difference, or the wire. The package neither decides what a proxy needs (that is
// handed in) nor who may have it (package identity proves names, and the controller
// maps service accounts to names).
//
// # The listener
//
// The controller listens on one port, with TLS 1.3 and HTTP/2. Both ends are known
// by the identity in their certificates and not by host names. There are these
// requests:
//
//	POST /v1/certificates   a signing request in PEM; the answer is a chain in PEM
//	POST /v1/stream         the stream
//	POST /v1/peers          from another replica of the controller, with a controller's
//	                        certificate; what is in it is for package operator
//
// A proxy that asks for a certificate shows none, since it may have none that is
// still valid; it sends a service-account token as Authorization: Bearer. Role,
// namespace and name follow from the token and never from what the proxy says: the
// signing request has to ask for exactly that identity (403 if not, 401 for a token
// that is no good). The stream needs a client certificate (401) of a proxy (403).
// Problems are text/plain.
//
// # The stream
//
// The bodies of request and response are the two directions. They stay open at the
// same time, and consist of lines of JSON. Each line is an object with one member,
// whose name is the kind of the message; a kind that the reader does not know is an
// error and ends the stream. The proxy's hello has at most 16 MiB and its other lines
// 4 MiB, those of the controller 64 MiB. Members that a reader does not know, deeper
// than that, are ignored, so that a newer controller may say more to an older proxy.
//
// From the proxy:
//
//	{"hello":{"schema":1,"node":"…","build":"…","filters":["rewrite",…],"interest":["*"],
//	          "version":"…","have":{"backend":{"NAME":"HASH",…},…}}}
//	{"ack":{"version":"…","failures":[{"resource":"…","origins":["…"],"reason":"…","message":"…"}]}}
//	{"nack":{"version":"…","reason":"…"}}
//	{"report":{"ready":true,"connections":12,"figures":{"memory_bytes":1e7}}}
//
// From the controller:
//
//	{"update":{"version":"…","base":"…"}}
//	{"put":{"kind":"backend","name":"NAME","hash":"HASH","body":{…}}}
//	{"drop":{"kind":"route","name":"HASH"}}
//	{"commit":{"version":"…"}}
//	{"beat":{}}
//
// The hello is first, and once. It says which version of this protocol the proxy
// speaks (400 if the controller does not), which filters it knows, which services
// it wants to know about ("*" is everything that concerns it), and what it has from
// an earlier stream. The node name is for people. The response begins when the hello
// was accepted.
//
// An update is a run of lines from update to commit with nothing between but puts
// and drops, and is applied as one. It says how to get to a version from the base,
// which is the version that the proxy has acknowledged last, or said that it has;
// an empty base means to begin with nothing. Whoever reconnects thus gets the
// difference to what it already has. There is no second update before the first one
// is answered.
//
// Resources are of the kinds listener, table, route, backend, endpoints, secret, limiter
// and resolution, of which there is one at most, without a name. Their bodies
// are the JSON of package ir, except that a table lists the hashes of its routes in
// place of the routes:
//
//	{"name":"NAME","routes":["HASH",…]}
//
// A route is named by its hash, so an edit of one route in a table of thousands is
// one put of a route, one of a short list, and one drop. Hashes are the
// controller's; a proxy compares them and computes none, because a build with
// another schema would compute others. Secrets travel with their keys.
//
// The answer to an update is an ack as soon as it is in force, with the resources
// that could not be put to work; the rest serves. A nack is for an update that
// cannot be decoded or contradicts itself or what the proxy has. The proxy stays
// with what it has then, and the next update begins with nothing. It comes at once
// if the one before did not begin with nothing, and otherwise when there is another
// version.
//
// A route whose filters the proxy does not know is sent as one that answers 500, and
// reported as a failure: serving it without the filter could let through what the
// filter was to stop. A proxy that finds an unknown filter all the same answers with
// a nack.
//
// # Life and death
//
// Both ends send something every four seconds: the controller a beat when there is
// no update, the proxy a report. Whoever has received nothing for twelve seconds,
// not even a part of a line, ends the stream; so does a controller whose writes do
// not get through for as long. It also ends the stream when the client's certificate
// expires. A proxy comes back after a pause that doubles from half a second to ten,
// drawn at random from its upper half, and goes on serving in the meantime.
package deliver
