package resource

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// builtin admits an object of a kind that is part of Kubernetes. An API server
// has the rules of these kinds in its own code, which is no library, so the
// defaults and rules that matter to traffic are written here again.
func (f *findings) builtin(tree map[string]any, into Object) {
	if broken := checkBase64(tree); len(broken) > 0 {
		f.broken = append(f.broken, broken...)
		return
	}
	f.fill(tree, into, "")
	if len(f.broken) > 0 {
		return
	}
	switch object := into.(type) {
	case *corev1.Service:
		defaultService(object)
		f.broken = append(f.broken, checkService(object)...)
	case *corev1.Secret:
		defaultSecret(object)
	case *discoveryv1.EndpointSlice:
		defaultEndpointSlice(object)
		f.broken = append(f.broken, checkEndpointSlice(object)...)
	case *networkingv1.Ingress:
		f.broken = append(f.broken, checkIngress(object)...)
	}
}

// checkBase64 names the entries that are not base64, which the JSON decoder does
// not. It is the usual mistake with Secrets.
func checkBase64(tree map[string]any) field.ErrorList {
	section := map[any]string{"Secret": "data", "ConfigMap": "binaryData"}[tree["kind"]]
	entries, _ := tree[section].(map[string]any)
	var broken field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		text, ok := entries[key].(string)
		if _, err := base64.StdEncoding.DecodeString(text); ok && err != nil {
			broken = append(broken, field.TypeInvalid(field.NewPath(section).Key(key), "", "must be base64; plain text belongs under stringData or data"))
		}
	}
	return broken
}

func defaultService(s *corev1.Service) {
	if s.Spec.Type == "" {
		s.Spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		if p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
}

// defaultSecret merges stringData, whose entries count more, into data.
func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for key, text := range s.StringData {
		s.Data[key] = []byte(text)
	}
	s.StringData = nil
}

func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		p := &s.Ports[i]
		if p.Name == nil {
			p.Name = new("")
		}
		if p.Protocol == nil {
			p.Protocol = new(corev1.ProtocolTCP)
		}
	}
}

func checkService(s *corev1.Service) field.ErrorList {
	spec := field.NewPath("spec")
	var broken field.ErrorList
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		for _, message := range validation.IsDNS1123Subdomain(trimDot(s.Spec.ExternalName)) {
			broken = append(broken, field.Invalid(spec.Child("externalName"), s.Spec.ExternalName, message))
		}
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
	default:
		broken = append(broken, field.NotSupported(spec.Child("type"), s.Spec.Type, []corev1.ServiceType{
			corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName,
		}))
	}
	names := map[string]bool{}
	for i, p := range s.Spec.Ports {
		path := spec.Child("ports").Index(i)
		broken = append(broken, checkPort(path.Child("port"), p.Port)...)
		broken = append(broken, checkProtocol(path.Child("protocol"), p.Protocol)...)
		broken = append(broken, checkTargetPort(path.Child("targetPort"), p.TargetPort)...)
		if p.Name == "" && len(s.Spec.Ports) > 1 {
			broken = append(broken, field.Required(path.Child("name"), "is required where there are several ports"))
			continue
		}
		broken = append(broken, checkPortName(path.Child("name"), p.Name, names)...)
	}
	return broken
}

func trimDot(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}

func checkPort(path *field.Path, port int32) field.ErrorList {
	var broken field.ErrorList
	for _, message := range validation.IsValidPortNum(int(port)) {
		broken = append(broken, field.Invalid(path, port, message))
	}
	return broken
}

func checkProtocol(path *field.Path, protocol corev1.Protocol) field.ErrorList {
	known := []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
	if slices.Contains(known, protocol) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, protocol, known)}
}

func checkTargetPort(path *field.Path, port intstr.IntOrString) field.ErrorList {
	if port.Type == intstr.Int {
		return checkPort(path, port.IntVal)
	}
	var broken field.ErrorList
	for _, message := range validation.IsValidPortName(port.StrVal) {
		broken = append(broken, field.Invalid(path, port.StrVal, message))
	}
	return broken
}

// checkPortName checks one of the names of a list of ports; taken are the names
// before it.
func checkPortName(path *field.Path, name string, taken map[string]bool) field.ErrorList {
	var broken field.ErrorList
	if taken[name] {
		broken = append(broken, field.Duplicate(path, name))
	}
	taken[name] = true
	if name == "" {
		return broken
	}
	for _, message := range validation.IsDNS1123Label(name) {
		broken = append(broken, field.Invalid(path, name, message))
	}
	return broken
}

// checkEndpointSlice differs from an API server in one point: loopback and
// link-local addresses are fine, because on a plain machine the backends stand
// there.
func checkEndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList {
	var broken field.ErrorList
	switch s.AddressType {
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN:
	case "":
		return field.ErrorList{field.Required(field.NewPath("addressType"), "")}
	default:
		return field.ErrorList{field.NotSupported(field.NewPath("addressType"), s.AddressType, []discoveryv1.AddressType{
			discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN,
		})}
	}
	for i, endpoint := range s.Endpoints {
		path := field.NewPath("endpoints").Index(i).Child("addresses")
		if len(endpoint.Addresses) == 0 {
			broken = append(broken, field.Required(path, ""))
		}
		for j, address := range endpoint.Addresses {
			broken = append(broken, checkAddress(path.Index(j), s.AddressType, address)...)
		}
	}
	names := map[string]bool{}
	for i, p := range s.Ports {
		path := field.NewPath("ports").Index(i)
		if p.Port != nil {
			broken = append(broken, checkPort(path.Child("port"), *p.Port)...)
		}
		broken = append(broken, checkProtocol(path.Child("protocol"), *p.Protocol)...)
		broken = append(broken, checkPortName(path.Child("name"), *p.Name, names)...)
	}
	return broken
}

func checkAddress(path *field.Path, kind discoveryv1.AddressType, address string) field.ErrorList {
	if kind == discoveryv1.AddressTypeFQDN {
		var broken field.ErrorList
		for _, message := range validation.IsDNS1123Subdomain(trimDot(address)) {
			broken = append(broken, field.Invalid(path, address, message))
		}
		return broken
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" || ip.Is4() != (kind == discoveryv1.AddressTypeIPv4) || ip.Is4In6() {
		return field.ErrorList{field.Invalid(path, address, fmt.Sprintf("%.64q is no %s address", address, kind))}
	}
	return nil
}
