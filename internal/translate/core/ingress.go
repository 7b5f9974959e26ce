package core

import "fsm/internal/ir"

// Gateway is the gateway that Ingresses make up.
func (i Ingress) Gateway() ir.GatewayName { return ir.IngressGateway(i.Namespace, ir.SharedIngress) }
