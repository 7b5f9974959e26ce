package core

import "fsm/internal/ir"

// Gateway is the gateway that Ingresses make up: that of the proxy and of the Service in
// front of it.
func (i Ingress) Gateway() ir.GatewayName { return ir.GatewayName(i.Namespace + "/fsm-ingress") }
