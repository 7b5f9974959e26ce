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
}

// Components.
var (
	Gateway   = Component{"gateway", []string{"fsm", "fsmGateway", "enabled"}, []string{"gatewayAPI", "enabled"}}
	ServiceLB = Component{"servicelb", []string{"fsm", "serviceLB", "enabled"}, []string{"serviceLB", "enabled"}}
)

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
	o.Values = nested(component.value, on)
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
	if before, err := chartutil.Values(last.Config).PathValue(strings.Join(component.value, ".")); err == nil && before == on {
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
	if err := c.configure(ctx, o.Namespace, nested(component.field, on)); err != nil {
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
	if component.Name != ServiceLB.Name {
		return nil
	}
	return c.retire(ctx, o.Say)
}

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
