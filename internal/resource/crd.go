package resource

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"fsm/charts"
)

// crdFiles are the custom resource definitions of the Gateway API; crds/README.md
// says where they come from.
//
//go:embed crds/*.yaml
var crdFiles embed.FS

// rules are the schema of one version of a kind, ready for use.
type rules struct {
	kind       string
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	// cel holds the compiled x-kubernetes-validations; nil when there are none.
	cel *cel.Validator
}

// compiledRules makes the rules of each version when they are first asked for:
// HTTPRoute alone takes some 50 ms, which a command that reads one Service should
// not pay.
//
// Each version is judged by its own schema, as an API server does it: a TLSRoute
// v1alpha2 may leave out its hostnames, a TLSRoute v1 may not.
var compiledRules = func() map[schema.GroupVersionKind]func() *rules {
	all := map[schema.GroupVersionKind]func() *rules{}
	for _, kind := range kinds {
		if kind.crd == "" {
			continue
		}
		definition := sync.OnceValue(func() *apiextensionsv1.CustomResourceDefinition { return mustReadCRD(kind) })
		for _, version := range kind.Versions {
			gvk := schema.GroupVersionKind{Group: kind.Group, Version: version, Kind: kind.Name}
			all[gvk] = sync.OnceValue(func() *rules { return mustCompile(definition(), version) })
		}
	}
	return all
}()

// rules of a version of a kind that has a custom resource definition.
func (k Kind) rules(version string) *rules {
	return compiledRules[schema.GroupVersionKind{Group: k.Group, Version: version, Kind: k.Name}]()
}

// mustReadCRD panics for a file that is part of this program and does not fit it.
func mustReadCRD(k Kind) *apiextensionsv1.CustomResourceDefinition {
	name := fmt.Sprintf("crds/%s_%s.yaml", k.Group, k.crd)
	files := crdFiles
	if k.Group != gatewayv1.GroupName { // ours are in the chart
		name, files = "fsm/"+name, charts.Definitions
	}
	text, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Errorf("read definition of %s: %w", k.Name, err))
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		panic(fmt.Errorf("read %s: %w", name, err))
	}
	return &definition
}

// mustCompile panics for a definition that is part of this program and has no
// such version.
func mustCompile(definition *apiextensionsv1.CustomResourceDefinition, version string) *rules {
	r, err := compile(definition, version)
	if err != nil {
		panic(fmt.Errorf("compile %s %s: %w", definition.Name, version, err))
	}
	return r
}

func compile(definition *apiextensionsv1.CustomResourceDefinition, version string) (*rules, error) {
	i := slices.IndexFunc(definition.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == version && v.Served
	})
	if i < 0 {
		return nil, fmt.Errorf("version is not served")
	}
	var props apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(definition.Spec.Versions[i].Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		return nil, fmt.Errorf("convert schema: %w", err)
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return nil, fmt.Errorf("read structural schema: %w", err)
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return &rules{
		kind:       definition.Spec.Names.Kind,
		structural: structural,
		schema:     validator,
		cel:        cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// custom admits an object of a kind with a custom resource definition: the steps
// of an API server in its order.
func (f *findings) custom(r *rules, tree map[string]any, into Object) {
	track := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	f.unknown = append(f.unknown, pruning.PruneWithOptions(tree, r.structural, true, track)...)
	f.nulls = append(f.nulls, nulls(tree, nil)...)
	slices.Sort(f.nulls)
	defaulting.PruneNonNullableNullsWithoutDefaults(tree, r.structural)
	defaulting.Default(tree, r.structural)

	for _, e := range r.check(tree) {
		if warning, ok := tolerate(r.kind, e); ok {
			f.tolerated = append(f.tolerated, warning)
		} else {
			f.broken = append(f.broken, e)
		}
	}
	if len(f.broken) > 0 {
		return
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(tree, into); err != nil {
		f.broken = append(f.broken, &field.Error{Type: field.ErrorTypeInvalid, Detail: err.Error()})
	}
}

// check lists the rules that a tree breaks. Lists that are too long come first and
// alone, because the schema validator takes time in the square of the number of
// faults. CEL rules may assume that the tree fits the schema, so they wait until
// it does.
func (r *rules) check(tree map[string]any) field.ErrorList {
	broken := validation.ValidateCustomResource(nil, tree, r.schema)
	broken = append(broken, listtype.ValidateListSetsAndMaps(nil, r.structural, tree)...)
	if r.cel == nil || slices.ContainsFunc(broken, blocksCEL) {
		return broken
	}
	more, _ := r.cel.Validate(context.Background(), nil, r.structural, tree, nil, celconfig.RuntimeCELCostBudget)
	return append(broken, more...)
}

// blocksCEL reports whether a rule could misread an object with that fault, or
// take too long over it.
func blocksCEL(e *field.Error) bool {
	switch e.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

// nulls lists the paths of null values.
func nulls(value any, path *field.Path) []string {
	var found []string
	switch value := value.(type) {
	case nil:
		found = append(found, path.String())
	case map[string]any:
		for k, v := range value {
			found = append(found, nulls(v, path.Child(k))...)
		}
	case []any:
		for i, v := range value {
			found = append(found, nulls(v, path.Index(i))...)
		}
	}
	return found
}

// Definitions are the custom resource definitions of the Gateway API, as YAML.
func Definitions() ([][]byte, error) {
	names, err := fs.Glob(crdFiles, "crds/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list definitions: %w", err)
	}
	var all [][]byte
	for _, name := range names {
		text, err := crdFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read definition: %w", err)
		}
		all = append(all, text)
	}
	return all, nil
}
