package ir

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Format writes a snapshot for people: one line per route, the same text for the
// same snapshot, private keys left out.
func Format(s *Snapshot) string {
	var f formatter
	for _, l := range s.Listeners {
		f.listener(s, l)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Backends)) {
		f.backend(s, s.Backends[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Limiters)) {
		f.line(0, "limiter", string(name), s.Limiters[name].String())
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		f.secret(s.Secrets[name])
	}
	if r := s.Resolution; r != nil {
		f.line(0, "names", "must not resolve to this machine or to "+strconv.Itoa(len(r.Refused))+" networks")
	}
	return f.String()
}

type formatter struct{ strings.Builder }

// line writes words that are not empty, indented by depth.
func (f *formatter) line(depth int, words ...string) {
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	f.WriteString(strings.Repeat("  ", depth) + strings.Join(words, "  ") + "\n")
}

func (f *formatter) listener(s *Snapshot, l *Listener) {
	var advertised string
	if l.AdvertisedPort() != l.Port {
		advertised = "as " + strconv.Itoa(int(l.AdvertisedPort()))
	}
	f.line(0, "listener", string(l.Name), advertised, l.Guard.String())
	for _, c := range l.Chains {
		f.chain(s, c)
	}
}

func (f *formatter) chain(s *Snapshot, c *Chain) {
	kind := "relay"
	if c.HTTP != nil {
		kind = "http"
	}
	var tls string
	if c.TLS != nil {
		tls = formatServerTLS(c.TLS)
	} else if c.Match.TLS {
		tls = "tls passthrough"
	}
	var name string
	if c.Match.TLS {
		name = "sni=" + orAny(c.Match.ServerName)
	}
	if c.Relay != nil {
		f.line(1, kind, name, tls, "->", formatDestinations(c.Relay.Route.Destinations), "("+c.Relay.Route.Origin.String()+")")
		return
	}
	var elsewhere string
	if len(c.HTTP.Elsewhere) > 0 {
		hostnames := make([]string, len(c.HTTP.Elsewhere))
		for i, h := range c.HTTP.Elsewhere {
			hostnames[i] = orAny(h)
		}
		elsewhere = "misdirected=" + strings.Join(hostnames, ",")
	}
	f.line(1, kind, name, tls, elsewhere)
	for _, v := range c.HTTP.VirtualHosts {
		f.line(2, "host "+orAny(v.Hostname), "("+v.Origin.String()+")")
		for _, h := range v.Hosts {
			f.line(3, orAny(h.Hostname))
			t := s.Tables[h.Table]
			if t == nil {
				f.line(4, "table "+string(h.Table)+" is missing")
				continue
			}
			for _, r := range t.Routes {
				f.line(4, FormatRoute(r))
			}
		}
	}
}

func orAny(hostname string) string {
	if hostname == "" {
		return "*"
	}
	return hostname
}

func formatServerTLS(t *ServerTLS) string {
	words := []string{"tls=" + joinNames(t.Certificates)}
	if t.Clients != nil {
		mode := "required"
		if t.Clients.Optional {
			mode = "optional"
		}
		words = append(words, "clients="+joinNames(t.Clients.Authorities)+"("+mode+")")
	}
	return strings.Join(words, "  ")
}

func joinNames[T ~string](names []T) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, ",")
}

// FormatRoute writes a route on one line: match, filters, action, origin.
func FormatRoute(r *Route) string {
	s := FormatMatch(r.Match)
	for _, filter := range r.Filters {
		s += "  | " + FormatFilter(filter)
		if _, ends := filter.(*Redirect); ends {
			return s + "  (" + r.Origin.String() + ")"
		}
	}
	switch a := r.Action.(type) {
	case *Forward:
		s += "  -> " + formatDestinations(a.Destinations)
		if a.Timeout != 0 {
			s += "  timeout=" + a.Timeout.String()
		}
		if a.AttemptTimeout != 0 {
			s += "  attempt=" + a.AttemptTimeout.String()
		}
		if a.ReadTimeout != 0 {
			s += "  read=" + a.ReadTimeout.String()
		}
		if a.Retry != nil {
			s += "  " + a.Retry.String()
		}
	case *Respond:
		s += "  -> " + a.String()
	}
	return s + "  (" + r.Origin.String() + ")"
}

// String is "500 backend_not_found".
func (r *Respond) String() string { return strconv.Itoa(int(r.Status)) + " " + r.Reason }

// FormatMatch writes a match on one line: a prefix ends in "/*", an exact path
// stands alone, a regular expression follows "~", the first bytes of paths "^".
func FormatMatch(m Match) string {
	words := []string{}
	if m.Method != "" {
		words = append(words, m.Method)
	}
	switch m.Path.Kind {
	case PathExact:
		words = append(words, m.Path.Value)
	case PathRegex:
		words = append(words, "~"+m.Path.Value)
	case PathStart:
		words = append(words, "^"+m.Path.Value)
	case PathStartFold:
		words = append(words, "^(any case)"+m.Path.Value)
	default:
		words = append(words, strings.TrimRight(m.Path.Value, "/")+"/*")
	}
	for _, h := range m.Headers {
		words = append(words, "header:"+formatValueMatch(h))
	}
	for _, q := range m.Query {
		words = append(words, "query:"+formatValueMatch(q))
	}
	return strings.Join(words, " ")
}

func formatValueMatch(m ValueMatch) string {
	if m.Kind == ValueRegex {
		return m.Name + "~" + m.Value
	}
	return m.Name + "=" + m.Value
}

// FormatFilter writes a filter on one line.
func FormatFilter(filter Filter) string {
	switch f := filter.(type) {
	case *RequestHeaders:
		return "request " + HeaderChange(*f).String()
	case *ResponseHeaders:
		return "response " + HeaderChange(*f).String()
	case *Rewrite:
		s := "rewrite"
		if f.Hostname != "" {
			s += " host=" + f.Hostname
		}
		return s + f.Path.String()
	case *Redirect:
		s := "redirect " + strconv.Itoa(int(f.Status))
		if f.Scheme != "" {
			s += " scheme=" + f.Scheme
		}
		if f.Hostname != "" {
			s += " host=" + f.Hostname
		}
		if f.Port != 0 {
			s += " port=" + strconv.Itoa(int(f.Port))
		}
		return s + f.Path.String()
	case *Mirror:
		s := "mirror " + string(f.Backend)
		if f.Numerator != f.Denominator {
			s += fmt.Sprintf(" %d/%d", f.Numerator, f.Denominator)
		}
		return s
	case *CORS:
		s := "cors " + strings.Join(f.AllowOrigins, ",")
		if f.AllowCredentials {
			s += " credentials"
		}
		return s
	case *BodyLimit:
		return fmt.Sprintf("body limit %d", f.Bytes)
	case fmt.Stringer:
		return f.String()
	default:
		return fmt.Sprintf("%T", f)
	}
}

// String is " path=/x", " prefix=/x" or " match~^/a to=/x", or empty for nil.
func (p *PathRewrite) String() string {
	switch {
	case p == nil:
		return ""
	case p.Kind == ReplaceFullPath:
		return " path=" + p.Value
	case p.Kind == ReplaceMatch:
		return " match~" + p.Pattern + " to=" + p.Value
	default:
		return " prefix=" + p.Value
	}
}

// String is "set a=b add c=d remove e".
func (c HeaderChange) String() string {
	var words []string
	for _, h := range c.Set {
		words = append(words, "set "+h.Name+"="+h.Value)
	}
	for _, h := range c.Add {
		words = append(words, "add "+h.Name+"="+h.Value)
	}
	for _, name := range c.Remove {
		words = append(words, "remove "+name)
	}
	return strings.Join(words, " ")
}

func formatDestinations(ds []Destination) string {
	var total uint64
	for _, d := range ds {
		total += uint64(d.Weight)
	}
	var out []string
	for _, d := range ds {
		s := string(d.Backend)
		if d.Failure != nil {
			s = d.Failure.String()
		}
		if len(ds) > 1 {
			s = strconv.FormatUint(uint64(d.Weight), 10) + "/" + strconv.FormatUint(total, 10) + " " + s
		}
		for _, filter := range d.Filters {
			s += " [" + FormatFilter(filter) + "]"
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

func (f *formatter) backend(s *Snapshot, b *Backend) {
	var failure, tls, policies string
	if policies = FormatPolicies(b); policies != "" {
		policies = "| " + policies
	}
	if b.Failure != nil {
		failure = "fails " + b.Failure.String()
	}
	if b.TLS != nil {
		tls = formatBackendTLS(b.TLS)
	}
	addresses := "no endpoints"
	if e := s.Endpoints[b.Endpoints]; e != nil && len(e.Items) > 0 {
		var list []string
		for _, item := range e.Items {
			list = append(list, net.JoinHostPort(item.Address, strconv.Itoa(int(item.Port))))
		}
		addresses = strings.Join(list, " ")
	}
	f.line(0, "backend", string(b.Name), string(b.Protocol), tls, failure, "= "+addresses, policies)
}

func formatBackendTLS(t *BackendTLS) string {
	words := []string{"tls"}
	if t.ServerName != "" {
		words = append(words, "name="+t.ServerName)
	}
	if len(t.Authorities) > 0 {
		words = append(words, "ca="+joinNames(t.Authorities))
	}
	if t.SystemAuthorities {
		words = append(words, "ca=system")
	}
	if t.SkipVerification {
		words = append(words, "unverified")
	}
	for _, san := range t.SubjectAltNames {
		words = append(words, "san="+san.DNS+san.URI)
	}
	if t.Certificate != "" {
		words = append(words, "cert="+string(t.Certificate))
	}
	return strings.Join(words, " ")
}

func (f *formatter) secret(s *Secret) {
	var parts []string
	if s.Certificate != "" {
		parts = append(parts, "certificate")
	}
	if s.Key != "" {
		parts = append(parts, "key")
	}
	if s.Authorities != "" {
		parts = append(parts, "authorities")
	}
	f.line(0, "secret", string(s.Name), strings.Join(parts, " "))
}
