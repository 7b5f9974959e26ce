package provision

import (
	"crypto/sha256"
	"encoding/hex"
)

// Labels that objects carry. GatewayNameLabel and gatewayClassLabel are the Gateway
// API's own (GEP-1762); ManagedByLabel marks what may be changed and deleted again.
const (
	GatewayNameLabel  = "gateway.networking.k8s.io/gateway-name"
	gatewayClassLabel = "gateway.networking.k8s.io/gateway-class-name"
	appLabel          = "app"
	app               = "fsm-gateway"
	ManagedByLabel    = "app.kubernetes.io/managed-by"
	ManagedBy         = "fsm-controller"
)

// maxName is the length of a label value, and of the name of a Service.
const maxName = 63

// Name is what the objects of a Gateway are called. The first Gateway of a
// namespace gets the name that users of FSM know, a later one a suffix of its own.
// taken reports whether another Gateway has a name; a name that the Gateway has
// already is to be kept, without asking here.
func Name(namespace, gateway string, taken func(name string) bool) string {
	if base := shorten(app + "-" + namespace); !taken(base) {
		return base
	}
	return shorten(app + "-" + namespace + "-" + hash(gateway))
}

// LabelValue is a name as the value of a label, which may not be as long.
func LabelValue(name string) string { return shorten(name) }

// shorten cuts what is too long and tells it apart by a hash.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	sum := hash(name)
	return name[:maxName-len(sum)-1] + "-" + sum
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
