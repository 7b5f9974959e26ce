package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName of the API group.
const GroupName = "gateway.flomesh.io"

// GroupVersion of the objects of this package.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// AddToScheme makes the types known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&AccessControlPolicy{}, &AccessControlPolicyList{},
		&RateLimitPolicy{}, &RateLimitPolicyList{},
		&FaultInjectionPolicy{}, &FaultInjectionPolicyList{},
		&GatewayTLSPolicy{}, &GatewayTLSPolicyList{},
		&RetryPolicy{}, &RetryPolicyList{},
		&SessionStickyPolicy{}, &SessionStickyPolicyList{},
		&HealthCheckPolicy{}, &HealthCheckPolicyList{},
		&LoadBalancerPolicy{}, &LoadBalancerPolicyList{},
		&CircuitBreakingPolicy{}, &CircuitBreakingPolicyList{},
		&UpstreamTLSPolicy{}, &UpstreamTLSPolicyList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
