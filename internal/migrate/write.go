package migrate

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"fsm/internal/resource"
)

// WriteYAML prints the objects as one stream.
func (r *Result) WriteYAML(out io.Writer) error {
	for i, o := range r.Objects {
		text, err := manifest(o)
		if err != nil {
			return fmt.Errorf("write %s: %w", resource.KeyOf(o), err)
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// manifest is an object without what only an API server writes.
func manifest(o resource.Object) ([]byte, error) {
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	delete(tree, "status")
	delete(tree["metadata"].(map[string]any), "creationTimestamp")
	kind, _ := resource.KindOf(o)
	tree["apiVersion"], tree["kind"] = kind.Group+"/"+kind.Versions[0], kind.Name
	return yaml.Marshal(tree)
}
