package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// findings are what the admission of one object brought to light.
type findings struct {
	// unknown are paths of fields that the kind does not have. They are dropped.
	unknown []string
	// nulls are paths that stand for nothing. They count as not set.
	nulls []string
	// tolerated are broken rules that a file may break; see tolerate.go.
	tolerated []string
	// broken are the rules for which the object is refused.
	broken field.ErrorList
}

func (f *findings) warnings() []string {
	var all []string
	if len(f.unknown) > 0 {
		all = append(all, "unknown fields, ignored: "+listed(f.unknown, ", "))
	}
	if len(f.nulls) > 0 {
		all = append(all, "null counts as not set: "+listed(f.nulls, ", "))
	}
	if len(f.tolerated) > 0 {
		all = append(all, listed(f.tolerated, "; "))
	}
	return all
}

// maxValues bounds the values in one object, maps and lists included. Objects that
// mean something stay far below it: an HTTPRoute with as many matches and headers
// as it may have comes to some 10,000. The bound is there because the schema
// validator takes time in the square of the number of faults it finds, ten minutes
// for a list of a million wrong names.
const maxValues = 20_000

// count is the number of values in a tree.
func count(value any) int {
	n := 1
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			n += count(v)
		}
	case []any:
		for _, v := range value {
			n += count(v)
		}
	}
	return n
}

// admit does to a tree what an API server does to a new object of the kind:
// drops what it does not know, fills in defaults, checks the rules. The object is
// of no use when rules are broken.
func (k Kind) admit(version string, tree map[string]any) (Object, findings) {
	var f findings
	if n := count(tree); n > maxValues {
		f.broken = field.ErrorList{{Type: field.ErrorTypeTooMany, Detail: fmt.Sprintf("object has %d values, more than the limit of %d", n, maxValues)}}
		return nil, f
	}
	metadata := f.metadata(k, tree["metadata"])
	// Status is written by controllers; what a file says is what some other
	// cluster once said.
	delete(tree, "status")
	// The rest of the metadata is no business of schemas and rules.
	tree["metadata"] = map[string]any{"name": metadata.Name}

	f.tolerated = early(k, tree)
	object := k.New()
	if k.crd != "" {
		f.custom(k.rules(version), tree, object)
	} else {
		f.builtin(tree, object)
	}
	if own, ok := object.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta); ok {
		*own = metadata
	}
	object.GetObjectKind().SetGroupVersionKind(k.newest())
	return object, f
}

// metadata reads, completes and checks the metadata of an object of a kind.
func (f *findings) metadata(k Kind, tree any) metav1.ObjectMeta {
	var m metav1.ObjectMeta
	path := field.NewPath("metadata")
	if tree != nil {
		f.fill(tree, &m, "metadata")
	}
	if len(f.broken) > 0 {
		return m
	}
	m.Namespace = k.namespace(m.Namespace)
	// A file has no history: whoever reads it again counts generations (see
	// source/file), and nothing in it is being deleted.
	m.Generation = max(m.Generation, 1)
	m.ManagedFields, m.DeletionTimestamp, m.DeletionGracePeriodSeconds = nil, nil, nil

	if k.Name == "Namespace" {
		// API servers put it on every Namespace; selectors of Gateways use it.
		metav1.SetMetaDataLabel(&m, corev1.LabelMetadataName, m.Name)
	}
	if m.Name == "" {
		f.broken = append(f.broken, field.Required(path.Child("name"), ""))
		return m
	}
	f.broken = append(f.broken, validation.ValidateObjectMeta(&m, !k.Cluster, k.nameRule(), path)...)
	return m
}

// nameRule is the rule for names of the kind. Namespaces and Services become
// labels of DNS names.
func (k Kind) nameRule() validation.ValidateNameFunc {
	switch k.Name {
	case "Namespace", "Service":
		return validation.NameIsDNSLabel
	}
	return validation.NameIsDNSSubdomain
}

// fill reads a tree into a Go value, as an API server reads objects of the kinds
// that are built in.
func (f *findings) fill(tree, into any, path string) {
	text, err := json.Marshal(tree)
	if err != nil {
		f.broken = append(f.broken, field.InternalError(field.NewPath(path), err))
		return
	}
	unknown, err := kjson.UnmarshalStrict(text, into, kjson.DisallowUnknownFields)
	for _, err := range unknown {
		var at kjson.FieldError
		if errors.As(err, &at) {
			f.unknown = append(f.unknown, join(path, at.FieldPath()))
		}
	}
	if err != nil {
		f.broken = append(f.broken, typeError(path, err))
	}
}

// typeError turns an error of the JSON decoder into a broken rule.
func typeError(path string, err error) *field.Error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return &field.Error{Type: field.ErrorTypeTypeInvalid, Field: path, Detail: err.Error()}
	}
	return &field.Error{
		Type:   field.ErrorTypeTypeInvalid,
		Field:  join(path, mismatch.Field),
		Detail: fmt.Sprintf("must be of type %s, not %s", jsonType(mismatch.Type), mismatch.Value),
	}
}

func join(path, field string) string {
	switch {
	case path == "":
		return field
	case field == "":
		return path
	}
	return path + "." + field
}

// jsonType is what a Go type is called in JSON.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return t.Kind().String()
}
