package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// String is "retry=2 on [502 503]"; classes are written "5xx".
func (r *Retry) String() string {
	on := make([]string, 0, len(r.Codes)+len(r.Classes))
	for _, code := range r.Codes {
		on = append(on, strconv.Itoa(int(code)))
	}
	for _, class := range r.Classes {
		on = append(on, strconv.Itoa(int(class))+"xx")
	}
	s := fmt.Sprintf("retry=%d on %v", r.Attempts, on)
	if r.Backoff != 0 {
		s += " after " + r.Backoff.String()
	}
	if r.Spread != 0 {
		s += " spread " + r.Spread.String()
	}
	if r.AttemptTimeout != 0 {
		s += " attempt=" + r.AttemptTimeout.String()
	}
	return s
}

// String is "session=NAME for 1h0m0s", with the attributes that are set.
func (s *Session) String() string {
	text := "session=" + s.Cookie
	if s.Lifetime > 0 {
		text += " for " + s.Lifetime.String()
	}
	for _, a := range []struct{ name, value string }{{"path", s.Path}, {"domain", s.Domain}, {"samesite", s.SameSite}} {
		if a.value != "" {
			text += " " + a.name + "=" + a.value
		}
	}
	if s.Secure {
		text += " secure"
	}
	return text
}

// FormatPolicies writes what policies say about a backend, and which; empty when none
// does.
func FormatPolicies(b *Backend) string {
	var words []string
	if p := b.Balancing; p != nil && p.Kind != BalanceRoundRobin {
		words = append(words, "balance="+strings.TrimSuffix(string(p.Kind)+":"+p.Header, ":"))
	}
	if p := b.Session; p != nil {
		words = append(words, p.String())
	}
	if p := b.Health; p != nil {
		words = append(words, p.String())
	}
	if p := b.Outliers; p != nil && p.Off {
		words = append(words, "outliers=off")
	} else if p != nil {
		words = append(words, fmt.Sprintf("outliers=%d for %v", p.Failures, p.Ejection))
	}
	if p := b.Breaker; p != nil {
		words = append(words, p.String())
	}
	if p := b.Retry; p != nil {
		words = append(words, p.String())
	}
	for i, p := range b.Policies {
		if i == 0 {
			words = append(words, "by "+p.String())
		} else {
			words[len(words)-1] += ", " + p.String()
		}
	}
	return strings.Join(words, "  ")
}

// String is "health=/healthz every 10s fails=3 match=200,201".
func (h *HealthCheck) String() string {
	check := h.Path
	if check == "" {
		check = "connect"
	}
	s := fmt.Sprintf("health=%s every %v fails=%d", check, h.Interval, h.Failures)
	if h.Holdoff != 0 {
		s += " holdoff=" + h.Holdoff.String()
	}
	for _, m := range h.Matches {
		s += " match=" + m.String()
	}
	return s
}

// String joins what the match asks for by commas.
func (m HealthMatch) String() string {
	var words []string
	for _, code := range m.Codes {
		words = append(words, strconv.Itoa(int(code)))
	}
	for _, h := range m.Headers {
		words = append(words, h.Name+":"+h.Value)
	}
	if m.Body != "" {
		words = append(words, strconv.Quote(m.Body))
	}
	return strings.Join(words, ",")
}

// String is "breaker=503 for 10s errors=5 within 1m0s".
func (b *Breaker) String() string {
	s := fmt.Sprintf("breaker=%d for %v", b.Status, b.Open)
	if b.Errors != (Threshold{}) {
		s += " errors=" + b.Errors.String()
	}
	if b.Slow != (Threshold{}) {
		s += fmt.Sprintf(" slow(%v)=%v", b.SlowTime, b.Slow)
	}
	s += " within " + b.Window.String()
	if b.MinRequests != 0 {
		s += " of at least " + strconv.Itoa(int(b.MinRequests))
	}
	return s
}

// String is "5", "50%" or "5|50%".
func (t Threshold) String() string {
	var words []string
	if t.Count != 0 {
		words = append(words, strconv.FormatUint(uint64(t.Count), 10))
	}
	if t.Ratio != 0 {
		words = append(words, strconv.FormatFloat(t.Ratio*100, 'g', -1, 64)+"%")
	}
	return strings.Join(words, "|")
}
