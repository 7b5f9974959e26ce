package install

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	"fsm/charts"
)

// loadChart reads the chart at a path, or the one that is built in if there is no
// path. That one is of the version of this program, and so are its images.
func loadChart(path, version string) (*chart.Chart, error) {
	if path != "" {
		c, err := loader.Load(path)
		if err != nil {
			return nil, fmt.Errorf("load chart %s: %w", path, err)
		}
		return c, nil
	}
	var files []*loader.BufferedFile
	err := fs.WalkDir(charts.FSM, "fsm", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := charts.FSM.ReadFile(name)
		files = append(files, &loader.BufferedFile{Name: strings.TrimPrefix(name, "fsm/"), Data: data})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read built-in chart: %w", err)
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("load built-in chart: %w", err)
	}
	if version != "" {
		c.Metadata.AppVersion = version
	}
	return c, nil
}

// checkValues judges the values of users, with the chart's defaults, by the chart's
// schema. It comes before anything in the cluster is changed.
func checkValues(c *chart.Chart, values map[string]any) (chartutil.Values, error) {
	all, err := chartutil.CoalesceValues(c, values)
	if err != nil {
		return nil, fmt.Errorf("merge values: %w", err)
	}
	if err := chartutil.ValidateAgainstSchema(c, all); err != nil {
		return nil, errors.New("values: " + readable(err.Error()))
	}
	return all, nil
}

// pointer is a JSON pointer as the judge of the schema prints it.
var pointer = regexp.MustCompile(`at '/?([^']*)': `)

// readable puts the paths of values as users write them, and leaves out the
// headings.
func readable(text string) string {
	var list []string
	for line := range strings.Lines(text) {
		if m := pointer.FindStringSubmatchIndex(line); m != nil {
			path := strings.ReplaceAll(line[m[2]:m[3]], "/", ".")
			list = append(list, strings.TrimSpace(path+": "+line[m[1]:]))
		}
	}
	if len(list) == 0 {
		return strings.TrimSpace(text)
	}
	return strings.Join(list, "; ")
}
