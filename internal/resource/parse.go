package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v2"
	kjson "sigs.k8s.io/json"
)

// maxDocument bounds a document, as an API server bounds a request. It also
// bounds a YAML document with its aliases written out, because a few thousand
// bytes of aliases can stand for gigabytes.
const maxDocument = 3 << 20

// parse reads a document into maps, slices, strings, booleans, int64 and float64,
// the values of encoding/json with whole numbers kept whole. YAML means what it
// means to kubectl, version 1.1 with "yes" and "on" for true. Mistakes come with
// the values that could be read, so that the object can still be named.
//
// A key that stands twice is a mistake here, as it is in YAML and for kubectl:
// whichever of the two counted, the other half of what the user wrote would be
// lost without a word.
func parse(d Document) (any, error) {
	if len(d.Text) > maxDocument {
		return nil, fmt.Errorf("document has %d bytes, more than the limit of %d; divide it with \"---\"", len(d.Text), maxDocument)
	}
	if looksLikeJSON(d.Text) && json.Valid(d.Text) {
		return parseJSON(d.Text)
	}
	return parseYAML(d)
}

func parseJSON(text []byte) (value any, err error) {
	repeated, err := kjson.UnmarshalStrict(text, &value, kjson.DisallowDuplicateFields)
	if err != nil {
		return nil, err
	}
	return value, errors.Join(repeated...)
}

func parseYAML(d Document) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(d.Text))
	// The parser's strict mode takes a key that overrides a merged one for a key
	// that stands twice, so it is of no use where something may be merged.
	decoder.SetStrict(!bytes.Contains(d.Text, []byte("<<")))
	var raw any
	err := decoder.Decode(&raw)
	var repeated *yaml.TypeError
	if err != nil && !errors.As(err, &repeated) {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, yamlError(d, err.Error())
	}
	budget := yamlBudget{left: maxDocument}
	value, convertErr := budget.convert(raw)
	if convertErr != nil {
		return nil, convertErr
	}
	if repeated != nil {
		return value, yamlError(d, listed(repeated.Errors, "; "))
	}
	// Some line ends of YAML 1.1 are none to Split; a document behind one of them
	// would vanish.
	var more any
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("document is followed by another without a line that begins with \"---\"")
	}
	return value, nil
}

// linePattern finds line numbers in the parser's messages.
var linePattern = regexp.MustCompile(`\bline (\d+)\b`)

// yamlError makes an error of a message of the parser, with its lines counted from
// the beginning of the stream.
func yamlError(d Document, message string) error {
	message = strings.TrimPrefix(message, "yaml: ")
	if strings.HasPrefix(message, "invalid map key") {
		// "{{ .Values.name }}" is a mapping with a mapping as its key.
		return errors.New("key is a mapping; is this a template that was not filled in?")
	}
	return errors.New(linePattern.ReplaceAllStringFunc(message, func(s string) string {
		n, err := strconv.Atoi(strings.TrimPrefix(s, "line "))
		if err != nil {
			return s
		}
		return "line " + strconv.Itoa(d.Line+n-1)
	}))
}

// yamlBudget converts what the YAML parser made to the values of JSON, and counts
// how much text they would be.
type yamlBudget struct{ left int }

func (b *yamlBudget) spend(n int) error {
	b.left -= n + 1
	if b.left < 0 {
		return fmt.Errorf("document is longer than %d bytes when its aliases are written out", maxDocument)
	}
	return nil
}

func (b *yamlBudget) convert(v any) (any, error) {
	switch v := v.(type) {
	case map[any]any:
		return b.convertMap(v)
	case []any:
		return b.convertSlice(v)
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("text with tag !!binary is not UTF-8; write base64 without the tag")
		}
		return v, b.spend(len(v))
	case int:
		return int64(v), b.spend(0)
	case uint64:
		return float64(v), b.spend(0)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("number %v has no form in JSON", v)
		}
		return v, b.spend(0)
	case nil, bool, int64:
		return v, b.spend(0)
	}
	return nil, fmt.Errorf("value of type %T has no form in JSON", v)
}

func (b *yamlBudget) convertSlice(in []any) (any, error) {
	out := make([]any, len(in))
	for i, v := range in {
		var err error
		if out[i], err = b.convert(v); err != nil {
			return nil, err
		}
	}
	return out, b.spend(0)
}

func (b *yamlBudget) convertMap(in map[any]any) (any, error) {
	out := make(map[string]any, len(in))
	for k, v := range in {
		key, err := yamlKey(k)
		if err != nil {
			return nil, err
		}
		if _, ok := out[key]; ok {
			return nil, fmt.Errorf("key %q stands twice", key)
		}
		if err := b.spend(len(key)); err != nil {
			return nil, err
		}
		if out[key], err = b.convert(v); err != nil {
			return nil, err
		}
	}
	return out, b.spend(0)
}

// yamlKey writes a key as text, as JSON wants it.
func yamlKey(k any) (string, error) {
	switch k := k.(type) {
	case string:
		if !utf8.ValidString(k) {
			return "", errors.New("key is not UTF-8")
		}
		return k, nil
	case bool, int, int64, uint64:
		return fmt.Sprint(k), nil
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 32), nil
	}
	return "", fmt.Errorf("key %v is not text", k)
}
