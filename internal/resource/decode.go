package resource

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Decode reads the objects of a YAML or JSON stream; source names the stream in
// problems. Whatever is wrong with one document or one item of a List, the others
// are read all the same.
func Decode(source string, data []byte) (objects []Object, problems []Problem) {
	for _, document := range Split(data) {
		o, p := document.Decode(source)
		objects = append(objects, o...)
		problems = append(problems, p...)
	}
	return objects, problems
}

// Decode reads the objects of a document: one, or the items of a List. A problem
// that is refused with an empty Key stands for text that could not be recognised
// as an object at all.
func (d Document) Decode(source string) ([]Object, []Problem) {
	reading := decoding{source: source + ":" + strconv.Itoa(d.Line)}
	value, err := parse(d)
	if err != nil {
		tree, _ := value.(map[string]any)
		reading.refuse(readHeader(tree).key(), err.Error())
		return nil, reading.problems
	}
	reading.value(value)
	return reading.objects, reading.problems
}

// decoding is what a document has given so far.
type decoding struct {
	source string
	// item is the place inside a List, for example "items[3]: ".
	item     string
	objects  []Object
	problems []Problem
}

func (d *decoding) refuse(key Key, message string) { d.report(key, message, true) }
func (d *decoding) warn(key Key, message string)   { d.report(key, message, false) }

func (d *decoding) report(key Key, message string, refused bool) {
	if key.Name == "" {
		message = d.item + message
	}
	d.problems = append(d.problems, Problem{Key: key, Source: d.source, Refused: refused, Message: printable(message)})
}

func (d *decoding) value(value any) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		if items, ok := listItems(value); ok {
			d.list(items)
			return
		}
		d.object(value)
	default:
		d.refuse(Key{}, "no Kubernetes object: want a mapping with apiVersion and kind")
	}
}

func (d *decoding) list(items []any) {
	outer := d.item
	for i, item := range items {
		d.item = fmt.Sprintf("%sitems[%d]: ", outer, i)
		d.value(item)
	}
	d.item = outer
}

// listItems returns the items of "kind: List" and of typed lists such as
// "kind: HTTPRouteList", whose items may leave out what the list already says.
func listItems(tree map[string]any) (items []any, ok bool) {
	h := readHeader(tree)
	kind, isList := strings.CutSuffix(h.kind, "List")
	if !isList {
		return nil, false
	}
	if _, known := lookupKind(h.group(), kind); !known && kind != "" {
		return nil, false
	}
	items, ok = tree["items"].([]any)
	for _, item := range items {
		if item, isObject := item.(map[string]any); isObject && kind != "" && item["kind"] == nil {
			item["apiVersion"], item["kind"] = h.apiVersion, kind
		}
	}
	return items, ok || tree["items"] == nil
}

func (d *decoding) object(tree map[string]any) {
	early := modern(tree)
	h := readHeader(tree)
	key := h.key()
	if early != "" {
		d.warn(key, early)
	}
	if h.apiVersion == "" || h.kind == "" {
		d.refuse(key, "no Kubernetes object: apiVersion and kind are required")
		return
	}
	kind, known := lookupKind(h.group(), h.kind)
	if !known {
		d.warn(key, key.String()+" is not used")
		return
	}
	if !slices.Contains(kind.Versions, h.version()) {
		d.refuse(key, fmt.Sprintf("apiVersion: %s is not served for %s; use %s", h.apiVersion, kind.Name, served(kind)))
		return
	}
	object, findings := kind.admit(h.version(), tree)
	for _, warning := range findings.warnings() {
		d.warn(key, warning)
	}
	if len(findings.broken) > 0 {
		d.refuse(key, violations(findings.broken))
		return
	}
	d.objects = append(d.objects, object)
}

// served lists the API versions of a kind: "example.com/v1 or example.com/v1beta1".
func served(k Kind) string {
	var versions []string
	for _, v := range k.Versions {
		versions = append(versions, schema.GroupVersion{Group: k.Group, Version: v}.String())
	}
	return strings.Join(versions, " or ")
}

// header is what a tree says it is, as far as that can be read.
type header struct{ apiVersion, kind, namespace, name string }

func readHeader(tree map[string]any) header {
	metadata, _ := tree["metadata"].(map[string]any)
	return header{
		apiVersion: word(tree["apiVersion"]),
		kind:       word(tree["kind"]),
		namespace:  word(metadata["namespace"]),
		name:       word(metadata["name"]),
	}
}

// word is a string that may be shown; everything else is empty. No name in
// Kubernetes is longer than 253 bytes, and an API version is shorter.
func word(v any) string {
	s, _ := v.(string)
	if len(s) > 2*253 {
		return ""
	}
	return printable(s)
}

func (h header) group() string {
	group, _, ok := strings.Cut(h.apiVersion, "/")
	if !ok {
		return ""
	}
	return group
}

func (h header) version() string { return h.apiVersion[strings.Index(h.apiVersion, "/")+1:] }

// key names the object. Without a name there is no key, and the zero Key tells
// so.
func (h header) key() Key {
	if h.name == "" || h.kind == "" {
		return Key{}
	}
	key := Key{Group: h.group(), Kind: h.kind, Namespace: h.namespace, Name: h.name}
	if kind, known := lookupKind(key.Group, key.Kind); known {
		key.Namespace = kind.namespace(h.namespace)
	}
	return key
}

// namespace is where an object of the kind is kept, given what it says itself.
func (k Kind) namespace(given string) string {
	switch {
	case k.Cluster:
		return ""
	case given == "":
		return metav1.NamespaceDefault
	}
	return given
}
