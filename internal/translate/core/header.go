package core

import (
	"errors"
	"fmt"
	"strings"

	"fsm/internal/ir"
)

// framing are header fields that say where messages begin and end. They belong to
// the proxy's own connections; a user who could change them could smuggle requests.
var framing = []string{
	"connection", "content-length", "expect", "http2-settings", "keep-alive", "proxy-connection", "te", "trailer",
	"transfer-encoding", "upgrade",
}

// CheckHeader says why a header field cannot be part of a message that the proxy
// changes, or nothing.
func CheckHeader(h ir.HeaderField) error {
	if err := checkName(h.Name); err != nil {
		return err
	}
	return checkValue(h)
}

func checkName(name string) error {
	switch {
	case !IsToken(name):
		return fmt.Errorf("%q is not a header name", name)
	case foldIn(framing, name):
		return fmt.Errorf("header %s belongs to the connection and cannot be changed", name)
	}
	return nil
}

func checkValue(h ir.HeaderField) error {
	if !isText(h.Value) {
		return fmt.Errorf("the value of header %s contains control characters", h.Name)
	}
	return nil
}

// CheckHeaders says why a change of headers cannot be made, or nothing. A request
// has exactly one Host: it can be set to another value and nothing else.
func CheckHeaders(change ir.HeaderChange, request bool) error {
	used := map[string]string{}
	use := func(action, name string) error {
		key := strings.ToLower(name)
		before := used[key]
		used[key] = action
		if err := checkName(name); err != nil {
			return fmt.Errorf("%s: %w", action, err)
		}
		switch {
		case before != "" && before != action:
			return fmt.Errorf("header %s is both in %s and in %s", name, before, action)
		case request && key == "host" && action != "set":
			return fmt.Errorf("header Host can be set, not added or removed")
		}
		return nil
	}
	for _, list := range []struct {
		action string
		fields []ir.HeaderField
	}{{"set", change.Set}, {"add", change.Add}} {
		for _, h := range list.fields {
			if err := use(list.action, h.Name); err != nil {
				return err
			}
			if err := checkValue(h); err != nil {
				return fmt.Errorf("%s: %w", list.action, err)
			}
		}
	}
	for _, name := range change.Remove {
		if err := use("remove", name); err != nil {
			return err
		}
	}
	return nil
}

// unseen are header fields that end at the proxy, so that no route can see them.
var unseen = []string{
	"connection", "expect", "http2-settings", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
}

// CheckMatchedHeader says why a header field cannot be matched, or nothing.
func CheckMatchedHeader(name string) error {
	switch {
	case !IsToken(name):
		return fmt.Errorf("%q is not a header name", name)
	case foldIn(unseen, name):
		return errors.New("is about one connection and not about the request, and cannot be matched")
	}
	return nil
}

// CheckPath says why a path cannot become part of a request line or a Location, or
// nothing.
func CheckPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("%q does not start with \"/\"", path)
	}
	for _, b := range []byte(path) {
		if b <= ' ' || b >= 0x7f || b == '?' || b == '#' {
			return fmt.Errorf("%q contains %q", path, b)
		}
	}
	return nil
}

func foldIn(list []string, s string) bool {
	for _, item := range list {
		if strings.EqualFold(item, s) {
			return true
		}
	}
	return false
}

// IsToken tells whether s may name a header field (RFC 9110, section 5.6.2).
func IsToken(s string) bool {
	for _, b := range []byte(s) {
		alphanumeric := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(b)) {
			return false
		}
	}
	return s != ""
}

// isText tells whether s may be a field value (RFC 9110, section 5.5).
func isText(s string) bool {
	for _, b := range []byte(s) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
