package filter_test

import (
	"errors"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
)

func compileOne(t testing.TB, f ir.Filter) filter.Filter {
	t.Helper()
	compiled, err := filter.New(ir.Filters{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return compiled[0]
}

func requestFor(path, query string) *message.Exchange {
	x := &message.Exchange{}
	x.Request.Path = []byte(path)
	if query != "" {
		x.Request.Query = []byte(query)
	}
	return x
}

func TestRewriteByPattern(t *testing.T) {
	tests := []struct {
		name, pattern, value string
		query                bool // the pattern sees it
		path, of             string
		want, wantQuery      string
	}{
		{name: "beginning", pattern: "^/httpbin/?", value: "/", path: "/httpbin/hi", want: "/hi"},
		{name: "all of it", pattern: "^/httpbin/?", value: "/", path: "/httpbin", want: "/"},
		{name: "not found", pattern: "^/httpbin/?", value: "/", path: "/other", of: "a=b", want: "/other", wantQuery: "a=b"},
		{name: "first only", pattern: "o", value: "0", path: "/foo", want: "/f0o"},
		{name: "groups", pattern: "^/(.*)/(.*)$", value: "/$2/$1", path: "/a/b", want: "/b/a"},
		{name: "group that took no part", pattern: "^/a(b)?", value: "/x$1", path: "/a", want: "/x"},
		{name: "all that was found", pattern: "a+", value: "<$&>", path: "/aa", want: "/<aa>"},
		{name: "dollar", pattern: "a", value: "$$1", path: "/a", want: "/$1"},
		{name: "number without a group is text", pattern: "(a)", value: "$2$12", path: "/a", want: "/$2a2"},
		{name: "dollar at the end", pattern: "a", value: "b$", path: "/a", want: "/b$"},
		{name: "slash is put in front", pattern: "^/", value: "x", path: "/a", want: "/xa"},
		{name: "nothing is left", pattern: ".*", value: "", path: "/a", want: "/"},
		{name: "query of its own", pattern: "^/a", value: "/b?x=1", path: "/a", want: "/b", wantQuery: "x=1"},
		{name: "query of its own before that of the request", pattern: "^/a$", value: "/b?x=1", path: "/a", of: "y=2", want: "/b", wantQuery: "x=1&y=2"},
		{name: "query is seen", query: true, pattern: `^/x\?id=(\d+)$`, value: "/items/$1", path: "/x", of: "id=7", want: "/items/7"},
		{name: "query is seen and kept", query: true, pattern: "^/a", value: "/b", path: "/a", of: "y=2", want: "/b", wantQuery: "y=2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := compileOne(t, &ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: test.pattern, Value: test.value, Query: test.query}})
			x := requestFor(test.path, test.of)
			if err := f.Request(x); err != nil {
				t.Fatal(err)
			}
			if string(x.Request.Path) != test.want || string(x.Request.Query) != test.wantQuery {
				t.Errorf("path %q and query %q, want %q and %q", x.Request.Path, x.Request.Query, test.want, test.wantQuery)
			}
		})
	}
}

// TestRewriteThatClimbs: a group behind a slash must not become a dot segment.
func TestRewriteThatClimbs(t *testing.T) {
	f := compileOne(t, &ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: "^/files(.*)", Value: "/static/$1"}})
	for _, path := range []string{"/files../secret", "/files..", "/files.", "/files%2e%2E/secret", "/files.%2e/secret"} {
		x := requestFor(path, "")
		var reply *message.Reply
		if err := f.Request(x); !errors.As(err, &reply) || reply.Status != 400 || reply.Reason != filter.ReasonUnsafeRewrite {
			t.Errorf("%s: got path %s and %v, want a refusal", path, x.Request.Path, err)
		}
	}
	for _, path := range []string{"/files...", "/files..a", "/filesa..", "/files%2f"} {
		if err := f.Request(requestFor(path, "")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPatternThatDoesNotCompile(t *testing.T) {
	for _, f := range []ir.Filter{
		&ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: "("}},
		&ir.Redirect{Path: &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: "("}},
	} {
		if _, err := filter.New(ir.Filters{f}, nil); err == nil {
			t.Errorf("%T: no error", f)
		}
	}
}
