package resource

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Bounds of what is said about one object. Whoever made more mistakes will read
// the rest after mending the first.
const (
	maxListed  = 10
	maxMessage = 4096
)

// listed joins the first few items, in the order given, without repeats.
func listed(items []string, separator string) string {
	seen := make(map[string]bool, maxListed)
	var first []string
	distinct := 0
	for _, item := range items {
		if seen[item] {
			continue
		}
		seen[item] = true
		distinct++
		if distinct <= maxListed {
			first = append(first, item)
		}
	}
	if distinct > maxListed {
		first = append(first, fmt.Sprintf("and %d more", distinct-maxListed))
	}
	return strings.Join(first, separator)
}

// violations writes broken rules as "path: what is wrong", one after the other.
func violations(broken field.ErrorList) string {
	lines := make([]string, len(broken))
	for i, e := range broken {
		lines[i] = violation(e)
	}
	slices.Sort(lines)
	return listed(lines, "; ")
}

func violation(e *field.Error) string {
	// The schema validator begins its sentences with the path and "in body".
	detail := strings.TrimPrefix(e.Detail, e.Field+" in body ")
	switch e.Type {
	case field.ErrorTypeRequired:
		detail = cmp.Or(detail, "is required")
	case field.ErrorTypeDuplicate:
		detail = strings.TrimSpace(quoted(e.BadValue) + " stands twice")
	case field.ErrorTypeNotSupported:
		detail = strings.TrimSpace(quoted(e.BadValue) + " is not supported; " + detail)
	case field.ErrorTypeTypeInvalid:
		// "must be of type integer: "string"", says the schema validator.
		if want, got, ok := strings.Cut(detail, `: "`); ok {
			detail = want + ", not " + strings.TrimSuffix(got, `"`)
		}
	}
	if e.Field == "" || e.Field == "<nil>" {
		return detail
	}
	return e.Field + ": " + detail
}

// quoted shows a wrong value, unless it is long or has parts.
func quoted(value any) string {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.String || v.Len() > 64 {
		return ""
	}
	return strconv.Quote(v.String())
}

// printable makes text from a user's file fit for a terminal and a log line.
func printable(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage] + " ..."
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
