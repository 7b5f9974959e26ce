package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName of the API group.
const GroupName = "networking.istio.io"

// GroupVersion of the objects of this package.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1"}

// AddToScheme makes the types known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &Gateway{}, &GatewayList{}, &VirtualService{}, &VirtualServiceList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
