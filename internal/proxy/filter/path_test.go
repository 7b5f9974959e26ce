package filter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
)

// TestPrefix follows the table of HTTPPathModifier.ReplacePrefixMatch. Routes
// keep prefixes without a trailing slash.
func TestPrefix(t *testing.T) {
	for _, c := range []struct{ path, prefix, value, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo/", "/foo", "", "/"},
		{"/foo", "/foo", "", "/"},
		{"/foo/", "/foo", "/", "/"},
		{"/foo", "/foo", "/", "/"},
		{"/foo//bar", "/foo", "/", "//bar"},
		{"/foo/a%2Fb", "/foo", "/x%20y", "/x%20y/a%2Fb"},
		// Prefixes that were compared byte by byte may end anywhere.
		{"/foo/bar", "/foo/", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/", "/bar"},
		{"/foo/", "/foo/", "/xyz/", "/xyz/"},
		{"/foobar", "/foo", "/xyz", "/xyzbar"},
		{"/foobar", "/foo", "/", "/bar"},
		{"/", "", "/xyz", "/xyz/"},
		{"/bar", "", "/xyz", "/xyz/bar"},
	} {
		list := compile(t, nil, &ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplacePrefix, Value: c.value}})
		x := exchange("GET a" + c.path + "?" + c.path)
		x.Prefix = len(c.prefix)
		answer(t, list, x)
		if got, want := url(&x.Request), "a"+c.want+"?"+c.path; got != want {
			t.Errorf("%s with prefix %q replaced by %q: got %s, want %s", c.path, c.prefix, c.value, got, want)
		}
	}
}

// TestPrefixDoesNotClimb: what is left of a segment must not become a dot segment, alone
// or together with the new prefix.
func TestPrefixDoesNotClimb(t *testing.T) {
	for _, c := range []struct {
		path, prefix, value string
		refused             bool
	}{
		{"/foo../secret", "/foo", "/", true},
		{"/foo%2e%2E/secret", "/foo", "/", true},
		{"/foo../secret", "/foo", "/public/", true},
		{"/foo./secret", "/foo", "/public/.", true},
		{"/foo.../secret", "/foo", "/", false},
		{"/foo..bar", "/foo", "/", false},
		{"/foo../secret", "/foo", "/public", false}, // "/public../secret"
	} {
		x := exchange("GET a" + c.path)
		x.Prefix = len(c.prefix)
		status, _ := answer(t, compile(t, nil, &ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplacePrefix, Value: c.value}}), x)
		if refused := status == 400; refused != c.refused {
			t.Errorf("%s with prefix %q replaced by %q: status %d, path %s", c.path, c.prefix, c.value, status, x.Request.Path)
		}
	}
}

func TestRewrite(t *testing.T) {
	full := &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: "/new"}
	for name, c := range map[string]struct {
		rewrite       ir.Rewrite
		request, want string
	}{
		"host with its port": {ir.Rewrite{Hostname: "b.example"}, "GET a.example:8080/p?q", "b.example/p?q"},
		"full path":          {ir.Rewrite{Path: full}, "GET a.example:8080/p/r?q", "a.example:8080/new?q"},
		"empty query":        {ir.Rewrite{Path: full}, "GET a/p?", "a/new?"},
		"both":               {ir.Rewrite{Hostname: "b.example", Path: full}, "GET a/p", "b.example/new"},
		"to the root":        {ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: "/"}}, "GET a/p", "a/"},
		"to nothing":         {ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceFullPath}}, "GET a/p", "a/"},
		"of the server":      {ir.Rewrite{Path: full}, "OPTIONS a", "a*"},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange(c.request)
			answer(t, compile(t, nil, &c.rewrite), x)
			if got := url(&x.Request); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	path := &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: "/new"}
	prefix := &ir.PathRewrite{Kind: ir.ReplacePrefix, Value: "/p"}
	for name, c := range map[string]struct {
		redirect ir.Redirect
		request  string
		port     uint16 // of the listener
		secure   bool
		want     string
	}{
		"nothing given":              {ir.Redirect{}, "GET a.example/p?q", 80, false, "http://a.example/p?q"},
		"host's port is not kept":    {ir.Redirect{}, "GET a.example:9/p", 80, false, "http://a.example/p"},
		"listener's port":            {ir.Redirect{}, "GET a.example/p", 8080, false, "http://a.example:8080/p"},
		"listener's HTTPS port":      {ir.Redirect{}, "GET a.example/p", 443, true, "https://a.example/p"},
		"port 80 with TLS":           {ir.Redirect{}, "GET a.example/p", 80, true, "https://a.example:80/p"},
		"port 443 without TLS":       {ir.Redirect{}, "GET a.example/p", 443, false, "http://a.example:443/p"},
		"scheme":                     {ir.Redirect{Scheme: "https"}, "GET a.example:8080/p", 8080, false, "https://a.example/p"},
		"the same scheme":            {ir.Redirect{Scheme: "http"}, "GET a.example/p", 8080, false, "http://a.example/p"},
		"scheme and port":            {ir.Redirect{Scheme: "https", Port: 8443}, "GET a.example/p", 80, false, "https://a.example:8443/p"},
		"scheme and its port":        {ir.Redirect{Scheme: "https", Port: 443}, "GET a.example/p", 80, false, "https://a.example/p"},
		"scheme and another's port":  {ir.Redirect{Scheme: "https", Port: 80}, "GET a.example/p", 80, false, "https://a.example:80/p"},
		"port":                       {ir.Redirect{Port: 8083}, "GET a.example/p", 80, false, "http://a.example:8083/p"},
		"port 80 on another":         {ir.Redirect{Port: 80}, "GET a.example/p", 8080, false, "http://a.example/p"},
		"host":                       {ir.Redirect{Hostname: "b.example"}, "GET a.example/p?q", 80, false, "http://b.example/p?q"},
		"host keeps listener's port": {ir.Redirect{Hostname: "b.example"}, "GET a.example/p", 8080, false, "http://b.example:8080/p"},
		"path keeps the query":       {ir.Redirect{Path: path}, "GET a/p/r?q=1", 80, false, "http://a/new?q=1"},
		"prefix":                     {ir.Redirect{Path: prefix}, "GET a/old/r", 80, false, "http://a/p/r"},
		"IPv6 host":                  {ir.Redirect{}, "GET [2001:db8::1]:8080/p", 80, false, "http://[2001:db8::1]/p"},
		"IPv6 host without port":     {ir.Redirect{}, "GET [2001:db8::1]/p", 81, false, "http://[2001:db8::1]:81/p"},
		"no host":                    {ir.Redirect{Scheme: "https"}, "GET /p", 80, false, "https://192.0.2.1/p"},
		"of the server":              {ir.Redirect{Path: prefix}, "OPTIONS a", 80, false, "http://a"},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange(c.request)
			x.Secure, x.Connection.Secure, x.Connection.Port, x.Prefix = c.secure, c.secure, c.port, len("/old")
			c.redirect.Status = 308
			status, header := answer(t, compile(t, nil, &c.redirect), x)
			if status != 308 {
				t.Errorf("status %d, want 308", status)
			}
			if diff := cmp.Diff([]string{"Location: " + c.want}, header); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRedirectBehindProxy: the port of a listener behind a proxy that ends TLS
// means nothing to the client.
func TestRedirectBehindProxy(t *testing.T) {
	x := exchange("GET a.example/p")
	x.Secure, x.Connection.Port = true, 8080
	_, header := answer(t, compile(t, nil, &ir.Redirect{Hostname: "b.example", Status: 302}), x)
	if diff := cmp.Diff([]string{"Location: https://b.example/p"}, header); diff != "" {
		t.Error(diff)
	}
}
