package inspect

import (
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// sensitive are names of things that nobody else should know: of environment
// variables, header fields and members of objects.
var sensitive = regexp.MustCompile(`(?i)passw(or)?d|token|authorization|cookie|api[-_]?key|credential|private[-_]?key|client[-_]?secret`)

// secrets are patterns for texts in which nothing has a name, such as logs, and what
// stands in their place.
var secrets = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)`), redacted},
	// JSON web tokens, with which service accounts prove who they are.
	{regexp.MustCompile(`\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]*`), redacted},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}`), "$1 " + redacted},
	{regexp.MustCompile(`(://[^/\s:@]+):[^/\s@]+@`), "$1:" + redacted + "@"},
	{regexp.MustCompile(`(?i)\b(authorization|set-cookie|cookie)(["']?\s*[:=]\s*["']?)[^"'\r\n]+`), "$1$2" + redacted},
	{regexp.MustCompile(`(?i)\b((?:\w+[-_])?(?:passw(?:or)?d|token|api[-_]?key|client[-_]?secret))(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s"',;&}]+)`), "$1$2" + redacted},
}

// redactText replaces what looks like a secret.
func redactText(text []byte) []byte {
	for _, s := range secrets {
		text = s.pattern.ReplaceAll(text, []byte(s.instead))
	}
	return text
}

// redactObject replaces, in place, texts whose names say that they are secret: as
// the name of a member, or as in {name: PASSWORD, value: …}. It also takes away what
// the API server and kubectl keep for themselves.
func redactObject(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			redactObject(item)
		}
	case map[string]any:
		if name, ok := v["name"].(string); ok && sensitive.MatchString(name) {
			if _, ok := v["value"].(string); ok {
				v["value"] = redacted
			}
		}
		for name, item := range v {
			if _, ok := item.(string); ok && sensitive.MatchString(name) {
				v[name] = redacted
			}
			redactObject(item)
		}
		if meta, ok := v["metadata"].(map[string]any); ok {
			delete(meta, "managedFields")
			if annotations, ok := meta["annotations"].(map[string]any); ok {
				for name := range annotations {
					if strings.HasPrefix(name, "kubectl.kubernetes.io/last-applied") {
						delete(annotations, name)
					}
				}
			}
		}
	}
}
