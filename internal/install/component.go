package install

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Component is a part of FSM that can be switched on and off while it runs.
type Component struct {
	Name string
	// value is where the chart has the switch, and field where the mesh configuration
	// has it.
	value, field []string
	// settings are said together with the switch.
	settings []setting
}

// setting is one more value, and where the chart and the mesh configuration have it.
type setting struct {
	value, field []string
	to           any
}

// Components.
var (
	Gateway           = Component{Name: "gateway", value: []string{"fsm", "fsmGateway", "enabled"}, field: []string{"gatewayAPI", "enabled"}}
	ServiceLB         = Component{Name: "servicelb", value: []string{"fsm", "serviceLB", "enabled"}, field: []string{"serviceLB", "enabled"}}
	NamespacedIngress = Component{Name: "namespaced ingress", value: []string{"fsm", "fsmIngress", "namespaced"}, field: []string{"ingress", "namespaced"}}
	Ingress           = Component{Name: "ingress", value: []string{"fsm", "fsmIngress", "enabled"}, field: []string{"ingress", "enabled"}}
)

// With is the component with one more setting: a value of the chart, below fsm, that is
// a field of the mesh configuration as well. Both are paths with dots.
func (c Component) With(value, field string, to any) Component {
	c.settings = append(slices.Clone(c.settings), setting{strings.Split("fsm."+value, "."), strings.Split(field, "."), to})
	return c
}

// all are the switch and the settings.
func (c Component) all(on bool) []setting {
	return append([]setting{{c.value, c.field, on}}, c.settings...)
}

// values are what the chart is to have.
func (c Component) values(on bool) map[string]any {
	values := map[string]any{}
	for _, s := range c.all(on) {
		values = chartutil.MergeTables(values, nested(s.value, s.to))
	}
	return values
}

// fields are what the mesh configuration is to have.
func (c Component) fields(on bool) map[string]any {
	fields := map[string]any{}
	for _, s := range c.all(on) {
		fields = chartutil.MergeTables(fields, nested(s.field, s.to))
	}
	return fields
}

// said reports whether values say all of it already.
func (c Component) said(on bool, values chartutil.Values) bool {
	return !slices.ContainsFunc(c.all(on), func(s setting) bool {
		before, err := values.PathValue(strings.Join(s.value, "."))
		return err != nil || fmt.Sprint(before) != fmt.Sprint(s.to)
	})
}

// The mesh configuration, which has the switches that act at once.
const configName = "fsm-mesh-config"

var configKind = schema.GroupVersionResource{Group: "config.flomesh.io", Version: "v1alpha3", Resource: "meshconfigs"}

// Switch switches a component on or off and waits until the control plane runs. The
// version of the control plane stays, whatever that of this program. Of the options,
// Mesh, Namespace, Timeout and Say count.
func (c *Cluster) Switch(ctx context.Context, component Component, on bool, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := c.reachable(ctx); err != nil {
		return err
	}
	h, err := c.helm(o.Namespace)
	if err != nil {
		return err
	}
	o.Values = component.values(on)
	o, last, err := changed(h, o)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("switch %s of mesh %s", component.Name, o.Mesh)
	if !on { // what is switched off may have to clear up, with rights that the chart then takes away
		if err := c.disable(ctx, component, o); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if component.said(on, last.Config) {
		o.Say("the values of the mesh say so already")
	} else {
		o.installed = last.Chart
		p, err := newPlan(o)
		if err != nil {
			return err
		}
		if err := c.upgrade(ctx, h, p); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := c.configure(ctx, o.Namespace, component.fields(on)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// disable switches a component off in the mesh configuration, and waits for what it
// has to clear up.
func (c *Cluster) disable(ctx context.Context, component Component, o Options) error {
	if err := c.configure(ctx, o.Namespace, nested(component.field, false)); err != nil {
		return err
	}
	switch component.Name {
	case ServiceLB.Name:
		return c.retire(ctx, o.Say)
	case Ingress.Name:
		return c.dismiss(ctx, o, ingressSelector)
	case NamespacedIngress.Name:
		return c.dismiss(ctx, o, ingressSelector+",ingress.flomesh.io/namespaced=true")
	}
	return nil
}

// dismiss waits until the proxies of Ingresses are gone. The rights to delete them must
// be there until then.
func (c *Cluster) dismiss(ctx context.Context, o Options, selector string) error {
	return drained(ctx, o.Say, draining{
		what: "proxies of Ingresses are going: %d", left: "%d Deployments of proxies of Ingresses are still there; is the control plane running?",
		count: func(ctx context.Context) (int, error) {
			list, err := c.client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: selector})
			if err != nil {
				return 0, fmt.Errorf("list Deployments: %w", err)
			}
			return len(list.Items), nil
		},
	})
}

// ingressSelector finds what the control plane made for Ingresses.
const ingressSelector = "app=fsm-ingress,app.kubernetes.io/managed-by=" + Controller

// configure changes fields of the mesh configuration. A control plane that is too old
// to have one goes by the values of its chart alone.
func (c *Cluster) configure(ctx context.Context, namespace string, fields map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": fields})
	if err != nil {
		return err
	}
	_, err = c.objects.Resource(configKind).Namespace(namespace).Patch(ctx, configName, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		return fmt.Errorf("change MeshConfig %s/%s: %w", namespace, configName, err)
	}
	return nil
}

// nested is a value below a path.
func nested(path []string, value any) map[string]any {
	for _, key := range slices.Backward(path) {
		value = map[string]any{key: value}
	}
	table, _ := value.(map[string]any) // paths are not empty
	return table
}

// Users of a class.
var gatewayKind = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}

// Gateways names those of our classes, as namespace/name.
func (c *Cluster) Gateways(ctx context.Context) ([]string, error) {
	list, err := c.objects.Resource(gatewayKind).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil // the kind is not there
	}
	if err != nil {
		return nil, fmt.Errorf("list Gateways: %w", err)
	}
	var names []string
	for _, g := range list.Items {
		spec, _ := g.Object["spec"].(map[string]any)
		if class, _ := spec["gatewayClassName"].(string); slices.Contains(classes, class) {
			names = append(names, g.GetNamespace()+"/"+g.GetName())
		}
	}
	return names, nil
}

// classes are the GatewayClasses that the chart makes.
var classes = []string{"fsm-gateway-cls", "fsm"}
