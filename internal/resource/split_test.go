package resource

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // "line text"
	}{
		{"empty", "", nil},
		{"no line end", "a: 1", []string{`1 "a: 1"`}},
		{"comments in front", "# licence\n\n---\n# first\n\na: 1\n---\nb: 1\n", []string{`6 "a: 1\n"`, `8 "b: 1\n"`}},
		{"comments inside stay", "a: 1\n# x\nb: 2\n", []string{`1 "a: 1\n# x\nb: 2\n"`}},
		{"content beside the marker", "--- {a: 1}\n--- {b: 1}\n", []string{`1 "--- {a: 1}\n"`, `2 "--- {b: 1}\n"`}},
		{"no marker", " ---\n---a\n----\n", []string{`1 " ---\n---a\n----\n"`}},
		{"marker inside a scalar", "a: |\n  ---\n  b\n", []string{`1 "a: |\n  ---\n  b\n"`}},
		{"directives", "%YAML 1.1\n# x\n---\na: 1\n---\nb: 1\n", []string{`1 "%YAML 1.1\n# x\n---\na: 1\n"`, `6 "b: 1\n"`}},
		{"end marker", "a: 1\n...\n# between\nb: 1\n", []string{`1 "a: 1\n"`, `4 "b: 1\n"`}},
		{"JSON values", "{\"a\":\n1}\n\n {\"b\": 2} {\"c\": 3}\n", []string{`1 "{\"a\":\n1}"`, `4 "{\"b\": 2}"`, `4 "{\"c\": 3}"`}},
		{"JSON that breaks off", "{\"a\": 1}\n{\"b\":", []string{`1 "{\"a\": 1}\n{\"b\":"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, d := range Split([]byte(tt.text)) {
				got = append(got, fmt.Sprintf("%d %q", d.Line, d.Text))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
