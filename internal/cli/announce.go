package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// announcer prints what there is to say about objects and sockets: everything at
// first, and then what changes.
type announcer struct {
	out io.Writer
	// said are the lines about each object, sockets those about sockets.
	said    map[resource.Key][]string
	sockets []string
	begun   bool
}

// announce prints what is not as it was.
func (a *announcer) announce(r *report.Report, sockets []string) {
	now := map[resource.Key][]string{}
	for _, e := range r.Entries() {
		lines := strings.SplitAfter(e.Text, "\n")
		lines = lines[:len(lines)-1] // what follows the last newline
		now[e.Key] = lines
		a.print(changed(a.said[e.Key], lines))
	}
	for key := range a.said {
		if now[key] == nil && key != (resource.Key{}) {
			fmt.Fprintf(a.out, "%s  is gone\n", key)
		}
	}
	a.print(except(sockets, a.sockets))
	for _, s := range except(a.sockets, sockets) {
		fmt.Fprint(a.out, "no longer ", s)
	}
	if len(sockets) == 0 && (!a.begun || len(a.sockets) > 0) {
		fmt.Fprint(a.out, "not listening: no listener of a Gateway of class fsm can serve\n")
	}
	a.said, a.sockets, a.begun = now, sockets, true
}

func (a *announcer) print(lines []string) {
	for _, line := range lines {
		fmt.Fprint(a.out, line)
	}
}

// changed are the lines that are new. Where lines only vanished, such as that of
// a mistake that was mended, those that are left are news.
func changed(before, now []string) []string {
	if slices.Equal(before, now) {
		return nil
	}
	if added := except(now, before); len(added) > 0 {
		return added
	}
	return now
}

// except are the lines without those of another list.
func except(lines, others []string) []string {
	var rest []string
	for _, line := range lines {
		if !slices.Contains(others, line) {
			rest = append(rest, line)
		}
	}
	return rest
}

// listening says where the proxy listens, and for whom.
func listening(p *proxy.Proxy) []string {
	var lines []string
	for _, l := range p.Snapshot().Listeners {
		address := p.Sockets().Addr(l.Name)
		if address == nil {
			continue // the conditions of the listener say why
		}
		for _, s := range services(l) {
			lines = append(lines, fmt.Sprintf("listening on %s://%s  %s\n", s.scheme, address, joined(s.origins)))
		}
	}
	return lines
}

// service is what a socket does for some Gateway listeners.
type service struct {
	scheme  string
	origins []ir.Origin
}

// services are those of a socket, in the order of its chains.
func services(l *ir.Listener) []service {
	if len(l.Chains) == 0 {
		return []service{{string(l.Network), l.Origins}}
	}
	var all []service
	for _, c := range l.Chains {
		s := service{scheme(l, c), []ir.Origin{c.Origin}}
		if c.HTTP != nil {
			s.origins = nil
			for _, v := range c.HTTP.VirtualHosts {
				s.origins = append(s.origins, v.Origin)
			}
		}
		i := slices.IndexFunc(all, func(o service) bool { return o.scheme == s.scheme })
		if i < 0 {
			all = append(all, s)
			continue
		}
		for _, o := range s.origins {
			if !slices.Contains(all[i].origins, o) {
				all[i].origins = append(all[i].origins, o)
			}
		}
	}
	return all
}

func scheme(l *ir.Listener, c *ir.Chain) string {
	switch {
	case c.HTTP != nil && c.Match.TLS:
		return "https"
	case c.HTTP != nil:
		return "http"
	case c.Match.TLS:
		return "tls"
	}
	return string(l.Network)
}

func joined(origins []ir.Origin) string {
	words := make([]string, len(origins))
	for i, o := range origins {
		words[i] = o.String()
	}
	return strings.Join(words, ", ")
}
