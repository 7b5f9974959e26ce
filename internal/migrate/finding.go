package migrate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"fsm/internal/resource"
)

// Finding is something that whoever applies the result has to know.
type Finding struct {
	Severity Severity
	// Object is an Ingress; the zero value stands for all of them.
	Object  resource.Key
	Message string
}

// Severity of a finding, the worst first.
type Severity int

// Severities.
const (
	// Lost is something that the Ingress asked for and that the result does not do.
	Lost Severity = iota
	// Differs is something that is done in another way.
	Differs
	// Assumed is something that was not read and is taken for granted.
	Assumed
)

// String is the word of the table.
func (s Severity) String() string { return [...]string{"lost", "differs", "assumed"}[s] }

// add adds a finding once.
func (r *Result) add(s Severity, object resource.Key, format string, args ...any) {
	f := Finding{s, object, fmt.Sprintf(format, args...)}
	if !slices.Contains(r.Findings, f) {
		r.Findings = append(r.Findings, f)
	}
}

// sort puts what is about all Ingresses first, and the worst of each before the rest.
func (r *Result) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(a.Object.Name, b.Object.Name),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Message, b.Message))
	})
}

// Lossy tells whether something is lost.
func (r *Result) Lossy() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Lost })
}

// WriteFindings prints a table.
func (r *Result) WriteFindings(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, f := range r.Findings {
		object := "all Ingresses"
		if f.Object.Name != "" {
			object = f.Object.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Severity, object, f.Message)
	}
	return w.Flush()
}
