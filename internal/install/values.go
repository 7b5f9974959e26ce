package install

import (
	"fmt"
	"os"
	"regexp"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"
)

// bracketed is a list in brackets, which users of FSM write besides the braces of
// Helm: a=[1,2].
var bracketed = regexp.MustCompile(`=\[([^\[\]]*)\]`)

// Values are those of files, the later ones before the earlier ones, with what sets
// say as "--set" does for Helm. A list may have brackets in place of braces.
func Values(files, sets []string) (map[string]any, error) {
	values := map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read values: %w", err)
		}
		var more map[string]any
		if err := yaml.Unmarshal(text, &more); err != nil {
			return nil, fmt.Errorf("read values of %s: %w", file, err)
		}
		values = chartutil.MergeTables(more, values)
	}
	for _, set := range sets {
		if err := strvals.ParseInto(bracketed.ReplaceAllString(set, "={$1}"), values); err != nil {
			return nil, fmt.Errorf("--set %s: %w; want KEY=VALUE", set, err)
		}
	}
	emptyLists(values)
	return values, nil
}

// emptyLists makes lists without elements of those that have an empty text only,
// which is what Helm reads from "{}".
func emptyLists(table map[string]any) {
	for key, value := range table {
		switch v := value.(type) {
		case map[string]any:
			emptyLists(v)
		case []any:
			if len(v) == 1 && v[0] == "" {
				table[key] = []any{}
			}
		}
	}
}
