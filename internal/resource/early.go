package resource

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	istiov1 "fsm/api/istio/v1"
)

// early brings a tree from a file to the form of today's definitions where an old
// documentation had another one, and says so.
func early(k Kind, tree map[string]any) (warnings []string) {
	if k.Group != istiov1.GroupName || k.Name != "VirtualService" {
		return nil
	}
	spec, _ := tree["spec"].(map[string]any)
	rules, _ := spec["http"].([]any)
	for i, r := range rules {
		rule, _ := r.(map[string]any)
		if match, ok := rule["match"].(map[string]any); ok {
			rule["match"] = []any{match}
			warnings = append(warnings, fmt.Sprintf("spec.http[%d].match: is a list today; the mapping counts as its only item", i))
		}
	}
	return warnings
}

// earlyIngress are the API versions of Ingress that no API server has any longer.
var earlyIngress = []string{"extensions/v1beta1", "networking.k8s.io/v1beta1"}

// modern brings an Ingress from a file with an API version of old to that of today,
// whose only form of a backend is another one.
func modern(tree map[string]any) (warning string) {
	h := readHeader(tree)
	if h.kind != "Ingress" || !slices.Contains(earlyIngress, h.apiVersion) {
		return ""
	}
	tree["apiVersion"] = networkingv1.SchemeGroupVersion.String()
	spec, _ := tree["spec"].(map[string]any)
	if backend, ok := spec["backend"]; ok {
		spec["defaultBackend"] = modernBackend(backend)
		delete(spec, "backend")
	}
	rules, _ := spec["rules"].([]any)
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		http, _ := rule["http"].(map[string]any)
		paths, _ := http["paths"].([]any)
		for _, p := range paths {
			if path, ok := p.(map[string]any); ok {
				path["backend"] = modernBackend(path["backend"])
				if path["pathType"] == nil {
					path["pathType"] = string(networkingv1.PathTypeImplementationSpecific)
				}
			}
		}
	}
	return fmt.Sprintf("apiVersion: %s is that of old; read as %s", h.apiVersion, tree["apiVersion"])
}

// modernBackend reads "serviceName" and "servicePort"; anything else stays.
func modernBackend(backend any) any {
	old, ok := backend.(map[string]any)
	if !ok || old["serviceName"] == nil {
		return backend
	}
	port := map[string]any{"number": old["servicePort"]}
	if name, ok := old["servicePort"].(string); ok {
		port = map[string]any{"name": name}
	}
	return map[string]any{"service": map[string]any{"name": old["serviceName"], "port": port}}
}
