package filter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
)

func TestCORS(t *testing.T) {
	strict := ir.CORS{
		AllowOrigins: []string{"https://www.foo.com", "https://*.bar.com"}, AllowMethods: []string{"GET", "PUT"},
		AllowHeaders: []string{"x-1", "x-2"}, ExposeHeaders: []string{"x-3", "x-4"}, MaxAge: 3600, AllowCredentials: true,
	}
	all := []string{"*"}
	loose := ir.CORS{AllowOrigins: all, AllowMethods: all, AllowHeaders: all, ExposeHeaders: all, MaxAge: 5}
	trusting := loose
	trusting.AllowCredentials = true
	asks := []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-1, x-9"}

	for name, c := range map[string]struct {
		cors   ir.CORS
		method string
		header []string
		status int
		want   []string // CORS fields without "Access-Control-", and Vary
	}{
		"preflight": {
			strict, "OPTIONS", append(asks, "Origin: https://www.foo.com"), 204,
			[]string{
				"Allow-Methods: GET, PUT", "Allow-Headers: x-1, x-2", "Max-Age: 3600", "Vary: Origin",
				"Allow-Origin: https://www.foo.com", "Allow-Credentials: true", "Expose-Headers: x-3, x-4",
			},
		},
		"preflight of a stranger": {
			strict, "OPTIONS", append(asks, "Origin: https://evil.com"), 204, []string{"Vary: Origin"},
		},
		"preflight with everything allowed": {
			loose, "OPTIONS", append(asks, "Origin: null"), 204,
			[]string{"Allow-Methods: *", "Allow-Headers: *", "Max-Age: 5", "Allow-Origin: *", "Expose-Headers: *"},
		},
		"preflight with everything allowed and credentials": {
			trusting, "OPTIONS", append(asks, "Origin: http://a"), 204,
			[]string{
				"Allow-Methods: PUT", "Allow-Headers: x-1, x-9", "Max-Age: 5", "Vary: Origin",
				"Allow-Origin: http://a", "Allow-Credentials: true",
			},
		},
		"preflight with credentials and no headers": {
			trusting, "OPTIONS", []string{asks[0], "Origin: http://a"}, 204,
			[]string{"Allow-Methods: PUT", "Max-Age: 5", "Vary: Origin", "Allow-Origin: http://a", "Allow-Credentials: true"},
		},
		"simple request": {
			strict, "GET", append(asks, "Origin: https://a.b.bar.com"), 200,
			[]string{"Vary: Origin", "Allow-Origin: https://a.b.bar.com", "Allow-Credentials: true", "Expose-Headers: x-3, x-4"},
		},
		"simple request of a stranger": {strict, "GET", []string{"Origin: https://bar.com"}, 200, []string{"Vary: Origin"}},
		"no origin":                    {strict, "GET", nil, 200, []string{"Vary: Origin"}},
		"simple request, everything allowed": {
			loose, "POST", []string{"Origin: http://a"}, 200, []string{"Allow-Origin: *", "Expose-Headers: *"},
		},
		"OPTIONS that is no preflight": {
			loose, "OPTIONS", []string{"Origin: http://a"}, 200, []string{"Allow-Origin: *", "Expose-Headers: *"},
		},
		"preflight without origin": {strict, "OPTIONS", asks, 200, []string{"Vary: Origin"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, header := answer(t, compile(t, nil, &c.cors), exchange(c.method+" a/", c.header...))
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for i := range header {
				header[i] = strings.TrimPrefix(header[i], "Access-Control-")
			}
			if diff := cmp.Diff(c.want, header); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCORSOrigins(t *testing.T) {
	for pattern, c := range map[string]struct{ allowed, refused []string }{
		"https://a.com":       {[]string{"https://a.com", "HTTPS://A.COM"}, []string{"http://a.com", "https://a.com:8443", "https://a.com.evil", "https://b.a.com", "null", ""}},
		"https://a.com:443":   {[]string{"https://a.com"}, []string{"http://a.com"}},
		"http://a.com:80":     {[]string{"http://a.com"}, []string{"http://a.com:443"}},
		"http://a.com:443":    {[]string{"http://a.com:443"}, []string{"http://a.com"}},
		"https://a.com:8443":  {[]string{"https://a.com:8443"}, []string{"https://a.com"}},
		"https://*.a.com":     {[]string{"https://b.a.com", "https://c.b.a.com"}, []string{"https://a.com", "https://.a.com", "https://ba.com", "http://b.a.com", "https://b.a.com:8443", "https://b.a.com.evil"}},
		"https://*.a.com:443": {[]string{"https://b.a.com"}, []string{"https://b.a.com:8443"}},
		"https://*":           {[]string{"https://a", "https://b.a.com", "https://[::1]"}, []string{"http://a", "https://", "https://a:8443", "https://[::1]:8443"}},
		"http://*:8080":       {[]string{"http://a:8080"}, []string{"http://a", "https://a:8080", "http://:8080"}},
		"*":                   {[]string{"http://a", "https://b:1", "null"}, nil},
	} {
		list := compile(t, nil, &ir.CORS{AllowOrigins: []string{pattern}})
		allowed := func(origin string) bool {
			_, header := answer(t, list, exchange("GET a/", "Origin: "+origin))
			return slices.ContainsFunc(header, func(line string) bool { return strings.HasPrefix(line, "Access-Control-Allow-Origin: ") })
		}
		for _, origin := range c.allowed {
			if !allowed(origin) {
				t.Errorf("%s does not allow %q", pattern, origin)
			}
		}
		for _, origin := range c.refused {
			if allowed(origin) {
				t.Errorf("%s allows %q", pattern, origin)
			}
		}
	}
}

// TestCORSReplacesBackend: the backend's own marks give way, its other fields do
// not, and caches hear of the origin once.
func TestCORSReplacesBackend(t *testing.T) {
	list := compile(t, nil, &ir.CORS{AllowOrigins: []string{"http://a"}})
	for name, c := range map[string]struct{ vary, want []string }{
		"none":                {nil, []string{"Vary: Origin"}},
		"others":              {[]string{"Vary: Accept-Encoding", "Vary: Cookie"}, []string{"Vary: Accept-Encoding", "Vary: Cookie", "Vary: Origin"}},
		"a name that is like": {[]string{"Vary: X-Origin"}, []string{"Vary: X-Origin", "Vary: Origin"}},
		"there":               {[]string{"Vary: Cookie", "Vary: accept, origin"}, []string{"Vary: Cookie", "Vary: accept, origin"}},
		"everything":          {[]string{"Vary: *"}, []string{"Vary: *"}},
	} {
		t.Run(name, func(t *testing.T) {
			response := append([]string{"Access-Control-Allow-Origin: *", "X-A: 1", "Access-Control-Expose-Headers: x"}, c.vary...)
			_, got := answer(t, list, exchange("GET a/", "Origin: http://a"), response...)
			want := slices.Concat([]string{"X-A: 1"}, c.want, []string{"Access-Control-Allow-Origin: http://a"})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCORSHiddenOrigin: a backend that is not to see the origin does not keep
// browsers from the answer.
func TestCORSHiddenOrigin(t *testing.T) {
	list := compile(t, nil, &ir.CORS{AllowOrigins: []string{"http://a"}}, &ir.RequestHeaders{Remove: []string{"Origin"}})
	x := exchange("GET a/", "Origin: http://a")
	_, got := answer(t, list, x)
	if want := "Access-Control-Allow-Origin: http://a"; !slices.Contains(got, want) {
		t.Errorf("got %q without %q", got, want)
	}
	if seen := lines(&x.Request.Header); seen != nil {
		t.Errorf("the backend sees %q", seen)
	}
}
