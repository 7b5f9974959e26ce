package explain

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxShown is how many routes that do not match are shown of a table.
const maxShown = 30

// WriteText writes the explanation for people.
func (e *Explanation) WriteText(out io.Writer) error {
	p := &printer{}
	p.WriteString(e.Request + "\n\n")
	e.writeWay(p)
	for i, d := range e.Destinations {
		p.line(first(i, "backend"), d.String())
		for _, f := range d.Filters {
			p.filter("", f)
		}
	}
	p.line("answer", e.Answer.String())
	for _, h := range e.Answer.Headers {
		p.line("", "  "+h)
	}
	if len(e.Hints) > 0 {
		p.line("", "")
	}
	for i, h := range e.Hints {
		p.line(first(i, "hint"), h.Object.String()+" would match: "+h.Why)
	}
	if len(e.Conditions) > 0 {
		p.line("", "")
	}
	for i, c := range e.Conditions {
		p.line(first(i, "see"), c.Object.String()+": "+c.Text)
	}
	_, err := io.WriteString(out, p.String())
	return err
}

// writeWay writes the way of the request up to the backends.
func (e *Explanation) writeWay(p *printer) {
	if e.Listener != nil {
		p.line("listener", e.Listener.String())
	}
	if h := e.Host; h != nil {
		p.line("host", fmt.Sprintf("%s belongs to %s, hostname %s", h.Name, h.Object, h.Hostname))
	}
	for i, t := range e.Tables {
		p.line(first(i, "routes"), "of hostname "+t.Hostname)
		t.write(p)
	}
	for i, f := range e.Filters {
		p.filter(first(i, "filter"), f)
	}
}

// first is the heading of the first of several lines.
func first(i int, heading string) string {
	if i > 0 {
		return ""
	}
	return heading
}

// printer writes lines under headings.
type printer struct{ strings.Builder }

// line writes a line under a heading, or under the one before.
func (p *printer) line(heading, text string) {
	p.WriteString(strings.TrimRight(fmt.Sprintf("%-10s%s", heading, text), " ") + "\n")
}

func (p *printer) filter(heading string, f Filter) {
	p.line(heading, f.Filter)
	for _, effect := range f.Effects {
		p.line("", "  "+effect)
	}
}

func (t *Table) write(p *printer) {
	routes := t.Routes
	if hidden := len(routes) - maxShown; hidden > 1 {
		p.line("", fmt.Sprintf("  %d routes that do not match; -o json lists them", hidden))
		routes = routes[hidden:]
	}
	for _, r := range routes {
		verdict := "matches"
		if r.Why != "" {
			verdict = "no: " + r.Why
		}
		p.line("", fmt.Sprintf("  %s  %s  %s", r.Match, r.Object, verdict))
	}
}

// String is "HTTPRoute default/web rule 0 (web.yaml:12)".
func (o Object) String() string {
	if o.At == "" {
		return o.Name
	}
	return o.Name + " (" + o.At + ")"
}

func (l *Listener) String() string {
	words := []string{l.Socket}
	if l.Protocol != "" {
		words = append(words, l.Protocol)
	}
	if l.ServerName != "" {
		words = append(words, "server name "+l.ServerName)
	}
	if len(l.Certificates) > 0 {
		words = append(words, "certificate "+strings.Join(l.Certificates, ", "))
	}
	if l.ClientCertificate != "" {
		words = append(words, "client certificate "+l.ClientCertificate)
	}
	if l.Guard != "" {
		words = append(words, "guarded: "+l.Guard)
	}
	for _, o := range l.Objects {
		words = append(words, o.String())
	}
	return strings.Join(words, "  ")
}

func (d Destination) String() string {
	var words []string
	if uint64(d.Weight) != d.Of {
		words = append(words, fmt.Sprintf("%d of %d", d.Weight, d.Of))
	}
	if d.Object != nil {
		words = append(words, d.Object.String())
	}
	if d.Answer != nil {
		return strings.Join(append(words, d.Answer.String()), "  ")
	}
	words = append(words, "= "+strings.Join(d.Endpoints, " "))
	if d.TLS != "" {
		words = append(words, "TLS: "+d.TLS)
	}
	if d.Policies != "" {
		words = append(words, "policies: "+d.Policies)
	}
	if d.Sent != "" {
		words = append(words, "gets "+d.Sent)
	}
	return strings.Join(words, "  ")
}

func (a Answer) String() string {
	s := strconv.Itoa(a.Status)
	switch {
	case a.From == FromBackend:
		s = "from the backend"
	case a.GRPCStatus != nil:
		s = fmt.Sprintf("grpc-status %d %s", a.GRPCStatus.Code, a.GRPCStatus.Name)
	case a.Status == 0:
		s = "none"
	}
	if a.Reason != "" {
		s += " " + a.Reason
	}
	if a.Message != "" {
		s += ": " + a.Message
	}
	return s
}
