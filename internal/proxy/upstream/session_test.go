package upstream

import (
	"strings"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// withCookie is a header section with one Cookie line.
func withCookie(line string) *message.Header {
	var h message.Header
	h.Reset(nil)
	if line != "" {
		h.AddField(message.HeaderCookie, message.HeaderCookie.Bytes(), []byte(line))
	}
	return &h
}

// begin picks an endpoint without a cookie and returns it with the cookie.
func begin(t *testing.T, b *Backend) (at, cookie string) {
	t.Helper()
	e, err := b.Pick(Choice{Header: withCookie("")})
	if err != nil {
		t.Fatal(err)
	}
	e.Leave()
	set := string(b.AppendCookie(nil, e, withCookie(""), false))
	cookie, _, ok := strings.Cut(set, ";")
	if !ok || !strings.HasPrefix(cookie, "_srv_id=") {
		t.Fatalf("Set-Cookie: %q", set)
	}
	return e.Address().String(), cookie
}

var sticky = ir.Backend{Session: &ir.Session{Cookie: "_srv_id", Lifetime: ir.Duration(10 * time.Minute)}}

// TestSessionSurvivesOthers: a client stays where it is while other endpoints come
// and go, and finds a new one, with a new cookie, when its own is gone.
func TestSessionSurvivesOthers(t *testing.T) {
	r := registry(t)
	all := endpoints(6)
	b := apply(t, r, sticky, all[:4]...)
	at, cookie := begin(t, b)
	h := withCookie("theme=dark; " + cookie)
	stays := func(when string, items ...ir.Endpoint) {
		t.Helper()
		b := apply(t, r, sticky, items...)
		for range 5 {
			if got := pick(t, b, Choice{Header: h}); got != at {
				t.Fatalf("%s: was at %s and is at %s", when, at, got)
			}
		}
	}
	if at != "10.0.0.1:8080" {
		t.Fatalf("began at %s", at)
	}
	stays("as it was", all[:4]...)
	stays("others came", all...)
	stays("others went", all[0], all[5])
	b = apply(t, r, sticky, all[1:]...)
	e, err := b.Pick(Choice{Header: h})
	if err != nil {
		t.Fatal(err)
	}
	e.Leave()
	if e.Address().String() == at {
		t.Fatal("an endpoint that is gone was picked")
	}
	if set := string(b.AppendCookie(nil, e, h, false)); set == "" {
		t.Error("no new cookie after the move")
	}
}

func TestSessionCookieForm(t *testing.T) {
	b := apply(t, registry(t), sticky, endpoints(2)...)
	e, err := b.Pick(Choice{Header: withCookie("")})
	if err != nil {
		t.Fatal(err)
	}
	e.Leave()
	plain, secure := string(b.AppendCookie(nil, e, withCookie(""), false)), string(b.AppendCookie(nil, e, withCookie(""), true))
	parts := strings.Split(plain, "; ")
	if len(parts) != 4 || parts[1] != "path=/" || !strings.HasPrefix(parts[2], "expires=") || parts[3] != "max-age=600" {
		t.Errorf("got %q", plain)
	}
	expires, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", strings.TrimPrefix(parts[2], "expires="))
	if left := time.Until(expires); err != nil || left < 9*time.Minute || left > 11*time.Minute {
		t.Errorf("expires in %v, %v", left, err)
	}
	if !strings.HasSuffix(secure, "; secure") {
		t.Errorf("over TLS: %q", secure)
	}
	if strings.Contains(plain, "10.0.0.") {
		t.Errorf("%q tells the address", plain)
	}
	if again := b.AppendCookie(nil, e, withCookie(parts[0]), false); len(again) > 0 {
		t.Errorf("a client with the cookie got another one: %q", again)
	}
}

// TestSessionForged: a value that the proxy did not make, or that it made for another
// backend or with another key, leads nowhere.
func TestSessionForged(t *testing.T) {
	b := apply(t, registry(t), sticky, endpoints(2)...)
	_, cookie := begin(t, b)
	last := cookie[len(cookie)-1]
	forged := cookie[:len(cookie)-1] + string(rune('0'+(last-'0'+1)%10))
	if b.Remembers(withCookie(forged)) {
		t.Errorf("%q is taken for %q", forged, cookie)
	}
	if !b.Remembers(withCookie(cookie)) {
		t.Errorf("%q is not recognised", cookie)
	}
	for _, line := range []string{"", "_srv_id", "_srv_id=", "=;;", "x" + cookie, strings.Repeat("a=b; ", 50)} {
		if b.Remembers(withCookie(line)) {
			t.Errorf("%q is recognised", line)
		}
	}
	if other := apply(t, registry(t), sticky, endpoints(2)...); other.Remembers(withCookie(cookie)) {
		t.Error("a proxy with a key of its own recognises the cookie of another")
	}
}

// TestSessionShared: proxies with the same key in their snapshots recognise each
// other's cookies.
func TestSessionShared(t *testing.T) {
	config := sticky
	config.Session = &ir.Session{Cookie: "_srv_id", Key: "key"}
	one, two := registry(t), registry(t)
	at := func(r *Registry, key ir.Private) *Backend {
		c := config
		c.Name, c.Endpoints = "b", "b"
		s := &ir.Snapshot{
			Backends:  map[ir.BackendName]*ir.Backend{"b": &c},
			Endpoints: map[ir.EndpointsName]*ir.Endpoints{"b": {Name: "b", Items: endpoints(3)}},
			Secrets:   map[ir.SecretName]*ir.Secret{"key": {Name: "key", Key: key}},
		}
		s.Seal()
		r.Update(s)
		r.Retire()
		return r.Get("b")
	}
	_, cookie := begin(t, at(one, "shared"))
	if !at(two, "shared").Remembers(withCookie(cookie)) {
		t.Error("a proxy with the same key does not recognise the cookie")
	}
	if at(two, "another").Remembers(withCookie(cookie)) {
		t.Error("the cookie outlived its key")
	}
}
