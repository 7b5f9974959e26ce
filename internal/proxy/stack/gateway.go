package stack

// gatewayHTTP is the path of a request through a gateway.
func gatewayHTTP(env *Env) handler {
	return layers(
		forward(env), // to a backend, again if the route says so

		observe(env), // outermost: figures and log see how it all ended
		traced(env),  // a span, if there is a tracer
		send(env),    // to the client, streaming the body
		release(),    // what filters hold, when nothing is left to be sent
		respond(),    // errors become responses, and filters see the response
		identify(),   // whose request it is, and what the backend is told about that
		match(),      // the listener by host, then the route; or no_route
		filters(),    // of the route, in the order of the IR
	)
}
