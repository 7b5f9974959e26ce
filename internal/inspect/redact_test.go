package inspect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRedactText: what looks like a secret goes, and the rest stays readable.
func TestRedactText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"secret default/cert is missing", "secret default/cert is missing"},
		{"--token-file=/run/token --trust-file=/run/ca", "--token-file=/run/token --trust-file=/run/ca"},
		{`level=info token=abc.def msg=x`, `level=info token=[redacted] msg=x`},
		{`{"password":"a b","user":"u"}`, `{"password":[redacted],"user":"u"}`},
		{"GET / Authorization: Basic dXNlcjpwYXNz\nnext", "GET / Authorization: [redacted]\nnext"},
		{"dial https://user:pass@host/path", "dial https://user:[redacted]@host/path"},
		{"jwt eyJhbGciOi.eyJpc3MiOi.c2ln and", "jwt [redacted] and"},
		{"a\n-----BEGIN EC PRIVATE KEY-----\nxyz\n-----END EC PRIVATE KEY-----\nb", "a\n[redacted]\nb"},
		{"cut -----BEGIN PRIVATE KEY-----\nxyz", "cut [redacted]"},
		{"-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----"},
	} {
		if got := string(redactText([]byte(test.text))); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

// TestRedactObject: values whose names say what they are go, whatever they look like.
func TestRedactObject(t *testing.T) {
	type object = map[string]any
	got := object{
		"metadata": object{
			"name": "x", "managedFields": []any{},
			"annotations": object{"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"},
		},
		"spec": object{
			"env":          []any{object{"name": "DB_PASSWORD", "value": "p"}, object{"name": "MODE", "value": "m"}},
			"remote":       object{"authorization": "a"},
			"serviceToken": object{"audience": "kept"},
		},
	}
	redactObject(got)
	want := object{
		"metadata": object{"name": "x", "annotations": object{"kept": "yes"}},
		"spec": object{
			"env":          []any{object{"name": "DB_PASSWORD", "value": redacted}, object{"name": "MODE", "value": "m"}},
			"remote":       object{"authorization": redacted},
			"serviceToken": object{"audience": "kept"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
