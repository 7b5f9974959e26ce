package ir

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Filters marshals as a list of objects that carry their "type". A type this
// build does not know is refused, never skipped.
type Filters []Filter

// filterTypes is the one list of filters by their names on the wire.
var filterTypes = []struct {
	name string
	make func() Filter
}{
	{"requestHeaders", func() Filter { return new(RequestHeaders) }},
	{"responseHeaders", func() Filter { return new(ResponseHeaders) }},
	{"rewrite", func() Filter { return new(Rewrite) }},
	{"redirect", func() Filter { return new(Redirect) }},
	{"mirror", func() Filter { return new(Mirror) }},
	{"cors", func() Filter { return new(CORS) }},
	{"bodyLimit", func() Filter { return new(BodyLimit) }},
	{"accessControl", func() Filter { return new(AccessControl) }},
	{"rateLimit", func() Filter { return new(RateLimit) }},
	{"clientLimit", func() Filter { return new(ClientLimit) }},
	{"responseRate", func() Filter { return new(ResponseRate) }},
	{"fault", func() Filter { return new(Fault) }},
}

// FilterKinds are the names of all filters, as a proxy announces them.
func FilterKinds() []string {
	names := make([]string, len(filterTypes))
	for i, t := range filterTypes {
		names[i] = t.name
	}
	return names
}

// FilterKind is the name of a filter on the wire.
func FilterKind(f Filter) string {
	for _, t := range filterTypes {
		if reflect.TypeOf(t.make()) == reflect.TypeOf(f) {
			return t.name
		}
	}
	return ""
}

// MarshalJSON writes each filter with its type.
func (fs Filters) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, f := range fs {
		kind := FilterKind(f)
		if kind == "" {
			return nil, fmt.Errorf("marshal filter: %T is not in the list of filters", f)
		}
		body, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("marshal filter %s: %w", kind, err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"type":"`+kind+`"`...)
		if len(body) > len("{}") {
			out = append(out, ',')
		}
		out = append(out, body[1:]...)
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (fs *Filters) UnmarshalJSON(data []byte) error {
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return err
	}
	*fs = make(Filters, 0, len(items))
	for _, item := range items {
		var head struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(item, &head); err != nil {
			return err
		}
		f := newFilter(head.Type)
		if f == nil {
			return fmt.Errorf("filter type %q is not known to this build", head.Type)
		}
		if err := json.Unmarshal(item, f); err != nil {
			return fmt.Errorf("filter %s: %w", head.Type, err)
		}
		*fs = append(*fs, f)
	}
	return nil
}

func newFilter(kind string) Filter {
	for _, t := range filterTypes {
		if t.name == kind {
			return t.make()
		}
	}
	return nil
}

// wireRoute spells the Action sum as one optional field per kind.
type wireRoute struct {
	plainRoute
	Forward *Forward `json:"forward,omitempty"`
	Respond *Respond `json:"respond,omitempty"`
}

type plainRoute Route

// MarshalJSON writes the action under its name.
func (r *Route) MarshalJSON() ([]byte, error) {
	w := wireRoute{plainRoute: plainRoute(*r)}
	switch a := r.Action.(type) {
	case *Forward:
		w.Forward = a
	case *Respond:
		w.Respond = a
	default:
		return nil, fmt.Errorf("marshal %s: action %T is not known", r.Origin, a)
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Route) UnmarshalJSON(data []byte) error {
	var w wireRoute
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*r = Route(w.plainRoute)
	switch {
	case w.Forward != nil && w.Respond == nil:
		r.Action = w.Forward
	case w.Respond != nil && w.Forward == nil:
		r.Action = w.Respond
	default:
		return fmt.Errorf("%s: want one of forward and respond", r.Origin)
	}
	return nil
}

// openSecret is a Secret whose key is readable.
type openSecret struct {
	Name        SecretName `json:"name"`
	Origin      Origin     `json:"origin"`
	Certificate string     `json:"certificate,omitempty"`
	Key         string     `json:"key,omitempty"`
	Authorities string     `json:"authorities,omitempty"`
}

func (s *Secret) open() openSecret {
	return openSecret{s.Name, s.Origin, s.Certificate, s.Key.Reveal(), s.Authorities}
}

// MarshalOpen writes the secret as JSON with its key readable. Keep the result as
// safe as the key.
func (s *Secret) MarshalOpen() ([]byte, error) { return json.Marshal(s.open()) }

// Marshal writes the snapshot as indented JSON with private keys redacted.
func Marshal(s *Snapshot) ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("marshal snapshot: %w", err)
	}
	return append(data, '\n'), nil
}

// MarshalSecrets is Marshal with the private keys readable: the form a proxy can
// start from. Keep the result as safe as the keys.
func MarshalSecrets(s *Snapshot) ([]byte, error) {
	type plain Snapshot
	open := struct {
		*plain
		Secrets map[SecretName]openSecret `json:"secrets"`
	}{plain: (*plain)(s), Secrets: map[SecretName]openSecret{}}
	for name, secret := range s.Secrets {
		open.Secrets[name] = secret.open()
	}
	data, err := json.MarshalIndent(open, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("marshal snapshot: %w", err)
	}
	return append(data, '\n'), nil
}

// Unmarshal reads a snapshot and seals it. It answers whether the bytes are a
// snapshot that does not contradict itself; whether each resource can be put to
// work is the proxy's to say.
func Unmarshal(data []byte) (*Snapshot, error) {
	s := new(Snapshot)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	s.Seal()
	return s, nil
}

// Check finds what no proxy could make sense of: nil entries, names that differ
// from their keys, references to nothing.
func (s *Snapshot) Check() error {
	for name, t := range s.Tables {
		if t == nil || t.Name != name {
			return fmt.Errorf("table %q: entry is missing or has another name", name)
		}
		for i, r := range t.Routes {
			if r == nil {
				return fmt.Errorf("table %q: route %d is null", name, i)
			}
		}
	}
	for name, b := range s.Backends {
		if b == nil || b.Name != name {
			return fmt.Errorf("backend %q: entry is missing or has another name", name)
		}
	}
	for name, e := range s.Endpoints {
		if e == nil || e.Name != name {
			return fmt.Errorf("endpoints %q: entry is missing or has another name", name)
		}
	}
	for name, l := range s.Limiters {
		if l == nil || l.Name != name {
			return fmt.Errorf("limiter %q: entry is missing or has another name", name)
		}
	}
	for name, secret := range s.Secrets {
		if secret == nil || secret.Name != name {
			return fmt.Errorf("secret %q: entry is missing or has another name", name)
		}
	}
	if s.Resolution != nil {
		if err := s.Resolution.check(); err != nil {
			return err
		}
	}
	names := map[ListenerName]bool{}
	for i, l := range s.Listeners {
		if l == nil {
			return fmt.Errorf("listener %d is null", i)
		}
		if names[l.Name] {
			return fmt.Errorf("listener %q: the name is taken twice", l.Name)
		}
		names[l.Name] = true
		for j, c := range l.Chains {
			if c == nil || (c.HTTP == nil) == (c.Relay == nil) {
				return fmt.Errorf("listener %q: chain %d: want one of http and relay", l.Name, j)
			}
			if c.Relay != nil && c.Relay.Route == nil {
				return fmt.Errorf("listener %q: chain %d: relay without a route", l.Name, j)
			}
		}
	}
	return nil
}
