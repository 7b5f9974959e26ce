package kube

import (
	"slices"
	"strings"
	"testing"
)

const istioGateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: a}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https}, tls: {mode: SIMPLE, credentialName: one, credentialNames: [two]}}
  - {port: {number: 444, name: https}, tls: {mode: MUTUAL, credentialName: three}}
  - {port: {number: 445, name: https}, tls: {mode: MUTUAL, credentialName: three, caCertCredentialName: four}}
---
`

const grantToIstioGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: istio-system}
spec: {from: [{group: networking.istio.io, kind: Gateway, namespace: a}], to: [{group: '', kind: Secret, name: one}]}
---
`

// TestIstioReferences: Secrets are read for Istio's Gateways, and for Ingresses of its
// class, while somebody has asked for the ingress.
func TestIstioReferences(t *testing.T) {
	own := []string{"Secret a/four", "Secret a/one", "Secret a/three", "Secret a/three-cacert", "Secret a/two"}
	ofClass := strings.Replace(ingress(""), "  annotations:", "  annotations:\n    kubernetes.io/ingress.class: istio", 1)
	class := strings.NewReplacer("pipy", "istio", "flomesh.io/ingress-pipy", "istio.io/ingress-controller").Replace(ingressClass)
	checkReferences(t, []referenceCase{
		{"a Gateway", ingressClass + istioGateway, own},
		{"a Gateway, and a grant of Istio's namespace", ingressClass + istioGateway + grantToIstioGateway, slices.Concat(own, []string{"Secret istio-system/one"})},
		{"a Gateway without an ingress", istioGateway, nil},
		{"a Gateway for others", ingressClass + strings.Replace(istioGateway, "ingressgateway", "egressgateway", 1), nil},
		{"an Ingress", ingressClass + ofClass + grantToIngress, []string{"Secret istio-system/istio-ingress-certs"}},
		{"an Ingress whose class somebody has", ingressClass + class + ofClass, nil},
		{"an Ingress without an ingress", ofClass, nil},
	})
}
