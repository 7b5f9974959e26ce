package kube_test

import (
	"fmt"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
)

// policyTests have a policy of each kind. What changes is its target.
var policyTests = []kindTest{
	policyTest[*v1alpha1.AccessControlPolicy]("AccessControlPolicy", "config: {blacklist: [192.0.2.1]}"),
	policyTest[*v1alpha1.RateLimitPolicy]("RateLimitPolicy", "config: {requests: 1, statTimeWindow: 1}"),
	policyTest[*v1alpha1.FaultInjectionPolicy]("FaultInjectionPolicy", "config: {abort: {percent: 1, statusCode: 500}}"),
	policyTest[*v1alpha1.GatewayTLSPolicy]("GatewayTLSPolicy", "ports: [{port: 443}]"),
	policyTest[*v1alpha1.RetryPolicy]("RetryPolicy", "ports: [{port: 80, config: {retryOn: [5xx]}}]"),
	policyTest[*v1alpha1.SessionStickyPolicy]("SessionStickyPolicy", "ports: [{port: 80}]"),
	policyTest[*v1alpha1.HealthCheckPolicy]("HealthCheckPolicy", "ports: [{port: 80, config: {interval: 1, maxFails: 1}}]"),
	policyTest[*v1alpha1.LoadBalancerPolicy]("LoadBalancerPolicy", "ports: [{port: 80}]"),
	policyTest[*v1alpha1.CircuitBreakingPolicy]("CircuitBreakingPolicy",
		"ports: [{port: 80, config: {minRequestAmount: 1, statTimeWindow: 1, degradedTimeWindow: 1, errorAmountThreshold: 1}}]"),
	policyTest[*v1alpha1.UpstreamTLSPolicy]("UpstreamTLSPolicy", "ports: [{port: 80, config: {certificateRef: {name: s}}}]"),
}

func policyTest[T interface {
	resource.Object
	v1alpha1.Policy
}](kind, says string) kindTest {
	return kindTest{
		kind: kind,
		text: fmt.Sprintf("apiVersion: gateway.flomesh.io/v1alpha1\nkind: %s\nmetadata: {name: p}\nspec: {targetRef: {group: '', kind: Service, name: one}, %s}\n",
			kind, says),
		change:  [2]string{"name: one", "name: two"},
		there:   has[T]("default", "p"),
		changed: where("default", "p", func(p T) bool { return p.Target().Name == "two" }),
	}
}
