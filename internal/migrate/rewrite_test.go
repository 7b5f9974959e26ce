package migrate

import (
	"testing"

	"fsm/internal/ir"
)

func TestRewritten(t *testing.T) {
	tests := []struct {
		expression, target string
		// want is "TYPE PATH -> KIND VALUE", or empty where nothing can be written.
		want string
	}{
		{"/app(/|$)(.*)", "/$2", "prefix /app -> ReplacePrefixMatch /"},
		{"/app/(.*)", "/$1", "prefix /app -> ReplacePrefixMatch /"},
		{"/app/?(.*)", "/new/$1", "prefix /app -> ReplacePrefixMatch /new/"},
		{`/v1\.2/(.*)`, "/$1", "prefix /v1.2 -> ReplacePrefixMatch /"},
		{"/(.*)", "/app/$1", "prefix / -> ReplacePrefixMatch /app/"},
		{"/(.*)", "/$1", "prefix / -> "},
		{"/app", "/new", "regex (?is:/app).* -> ReplaceFullPath /new"},
		{"/app(/|$)(.*)", "/$1", ""},           // another group
		{"/app(/|$)(.*)", "/new$2", ""},        // not at a segment
		{"/app(/|$)(.*)", "/$2/$1", ""},        // two groups
		{"/[a-z]+(/|$)(.*)", "/$2", ""},        // no prefix
		{"/app/(.*)/end", "/$1", ""},           // more behind it
		{"/(app)(/|$)(.*)", "/$3", ""},         // a group before it
		{"/a(/|$)(.*)|/b(/|$)(.*)", "/$2", ""}, // one of two
	}
	for _, test := range tests {
		path := ir.PathMatch{Kind: ir.PathRegex, Value: before + test.expression + after}
		match, filter, _ := rewritten(path, &ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: "(?s)^.*?" + before + test.expression + ").*$", Value: test.target}})
		got := ""
		if filter != nil {
			got = string(match.Kind) + " " + match.Value + " -> "
			if p := filter.Path; p != nil && p.ReplacePrefixMatch != nil {
				got += string(p.Type) + " " + *p.ReplacePrefixMatch
			} else if p != nil {
				got += string(p.Type) + " " + *p.ReplaceFullPath
			}
		}
		if got != test.want {
			t.Errorf("%s to %s: got %q, want %q", test.expression, test.target, got, test.want)
		}
	}
}
