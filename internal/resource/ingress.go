package resource

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkIngress has the rules of API servers for new objects of networking.k8s.io/v1.
func checkIngress(o *networkingv1.Ingress) field.ErrorList {
	spec := field.NewPath("spec")
	var broken field.ErrorList
	if len(o.Spec.Rules) == 0 && o.Spec.DefaultBackend == nil {
		broken = append(broken, field.Required(spec, "one of defaultBackend and rules is required"))
	}
	if b := o.Spec.DefaultBackend; b != nil {
		broken = append(broken, checkIngressBackend(spec.Child("defaultBackend"), b)...)
	}
	for i, rule := range o.Spec.Rules {
		path := spec.Child("rules").Index(i)
		broken = append(broken, checkIngressHost(path.Child("host"), rule.Host)...)
		if rule.HTTP == nil {
			continue
		}
		paths := path.Child("http", "paths")
		if len(rule.HTTP.Paths) == 0 {
			broken = append(broken, field.Required(paths, ""))
		}
		for j := range rule.HTTP.Paths {
			broken = append(broken, checkIngressPath(paths.Index(j), &rule.HTTP.Paths[j])...)
		}
	}
	for i, tls := range o.Spec.TLS {
		for j, host := range tls.Hosts {
			broken = append(broken, checkIngressHost(spec.Child("tls").Index(i).Child("hosts").Index(j), host)...)
		}
	}
	return broken
}

func checkIngressHost(path *field.Path, host string) field.ErrorList {
	messages := validation.IsDNS1123Subdomain(host)
	switch {
	case host == "":
		return nil
	case strings.HasPrefix(host, "*"):
		messages = validation.IsWildcardDNS1123Subdomain(host)
	case len(validation.IsValidIP(path, host)) == 0:
		messages = []string{"must be a DNS name, not an IP address"}
	}
	var broken field.ErrorList
	for _, message := range messages {
		broken = append(broken, field.Invalid(path, host, message))
	}
	return broken
}

func checkIngressPath(path *field.Path, p *networkingv1.HTTPIngressPath) field.ErrorList {
	broken := checkIngressBackend(path.Child("backend"), &p.Backend)
	if p.PathType == nil {
		return append(broken, field.Required(path.Child("pathType"), "must be Exact, Prefix or ImplementationSpecific"))
	}
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !strings.HasPrefix(p.Path, "/") {
			return append(broken, field.Invalid(path.Child("path"), p.Path, "must be an absolute path"))
		}
		return append(broken, checkSegments(path.Child("path"), p.Path)...)
	case networkingv1.PathTypeImplementationSpecific:
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			broken = append(broken, field.Invalid(path.Child("path"), p.Path, "must be an absolute path"))
		}
		return broken
	}
	return append(broken, field.NotSupported(path.Child("pathType"), *p.PathType, []networkingv1.PathType{
		networkingv1.PathTypeExact, networkingv1.PathTypePrefix, networkingv1.PathTypeImplementationSpecific,
	}))
}

// checkSegments refuses what no request path has once it is normalised.
func checkSegments(path *field.Path, value string) field.ErrorList {
	var broken field.ErrorList
	for _, sequence := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		if strings.Contains(value, sequence) {
			broken = append(broken, field.Invalid(path, value, "must not contain '"+sequence+"'"))
		}
	}
	for _, suffix := range []string{"/..", "/."} {
		if strings.HasSuffix(value, suffix) {
			broken = append(broken, field.Invalid(path, value, "cannot end with '"+suffix+"'"))
		}
	}
	return broken
}

func checkIngressBackend(path *field.Path, b *networkingv1.IngressBackend) field.ErrorList {
	switch {
	case b.Service == nil && b.Resource == nil:
		return field.ErrorList{field.Required(path, "one of service and resource is required")}
	case b.Service != nil && b.Resource != nil:
		return field.ErrorList{field.Invalid(path, "", "cannot set both resource and service")}
	case b.Service == nil:
		return nil
	}
	service := path.Child("service")
	var broken field.ErrorList
	if b.Service.Name == "" {
		broken = append(broken, field.Required(service.Child("name"), ""))
	}
	port := b.Service.Port
	switch {
	case port.Name != "" && port.Number != 0:
		broken = append(broken, field.Invalid(service.Child("port"), "", "cannot set both name and number"))
	case port.Name != "":
		for _, message := range validation.IsValidPortName(port.Name) {
			broken = append(broken, field.Invalid(service.Child("port", "name"), port.Name, message))
		}
	case port.Number != 0:
		broken = append(broken, checkPort(service.Child("port", "number"), port.Number)...)
	default:
		broken = append(broken, field.Required(service.Child("port"), "name or number is required"))
	}
	return slices.Clip(broken)
}
