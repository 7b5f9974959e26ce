package golden

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const (
	inputName     = "input.yaml"
	includePrefix = "# include: "
	includeDir    = "include"
	extension     = ".txtar"
)

// Case is one test case.
type Case struct {
	// Name is "area/case".
	Name string
	// Input is the input with its includes in place.
	Input []byte

	path    string
	archive *txtar.Archive
}

// Section is a named text: an expectation, or a result to compare with it.
type Section struct {
	Name string
	Text string
}

// Load reads all cases below a directory.
func Load(dir string) ([]*Case, error) {
	var cases []*Case
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != extension {
			return err
		}
		c, err := read(dir, path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		cases = append(cases, c)
		return nil
	})
	return cases, err
}

func read(dir, path string) (*Case, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return nil, err
	}
	c := &Case{Name: filepath.ToSlash(strings.TrimSuffix(name, extension)), path: path, archive: txtar.Parse(data)}
	if len(bytes.TrimSpace(c.archive.Comment)) == 0 {
		return nil, fmt.Errorf("the case does not say why it is there")
	}
	input, ok := c.Section(inputName)
	if !ok {
		return nil, fmt.Errorf("there is no section %s", inputName)
	}
	c.Input, err = expand(dir, input)
	return c, err
}

// expand puts included files in their place.
func expand(dir, input string) ([]byte, error) {
	var out bytes.Buffer
	for line := range strings.Lines(input) {
		file, ok := strings.CutPrefix(line, includePrefix)
		if !ok {
			out.WriteString(line)
			continue
		}
		included, err := os.ReadFile(filepath.Join(dir, includeDir, strings.TrimSpace(file)))
		if err != nil {
			return nil, fmt.Errorf("include: %w", err)
		}
		out.Write(included)
		out.WriteString("---\n")
	}
	return out.Bytes(), nil
}

// Section returns the text of a section.
func (c *Case) Section(name string) (text string, ok bool) {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

// Check compares results with the sections of the same name. With update it
// writes the results into the file instead.
func (c *Case) Check(t testing.TB, update bool, results ...Section) {
	t.Helper()
	changed := false
	for _, got := range results {
		want, ok := c.Section(got.Name)
		if ok && got.Text == want {
			continue
		}
		changed = true
		if !update {
			t.Errorf("%s: section %s differs (-want +got):\n%s", c.path, got.Name, cmp.Diff(want, got.Text))
		}
		c.set(got)
	}
	if !update || !changed {
		return
	}
	if err := os.WriteFile(c.path, txtar.Format(c.archive), 0o644); err != nil {
		t.Errorf("update: %v", err)
	}
}

func (c *Case) set(s Section) {
	for i := range c.archive.Files {
		if c.archive.Files[i].Name == s.Name {
			c.archive.Files[i].Data = []byte(s.Text)
			return
		}
	}
	c.archive.Files = append(c.archive.Files, txtar.File{Name: s.Name, Data: []byte(s.Text)})
}
