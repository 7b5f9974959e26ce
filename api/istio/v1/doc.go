// Package v1 has the part of Istio's networking API that FSM serves: Gateway and
// VirtualService, for those who come with such objects. The types are our own; the
// names and the meaning of the fields are Istio's.
//
// Fields that FSM cannot honour are here as well, so that their users are told.
// None of them is dropped by decoding, where nobody would notice. What stands here
// with the word "Unsupported" is answered for in the status of the object.
//
// The definitions in the chart are meant for clusters without Istio. Where Istio's
// own are installed they stay.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:Optional
// +groupName=networking.istio.io
package v1
