package behavior

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// expect compares a value. Negated, it must be another one.
func expect(ts *testscript.TestScript, neg bool, what, got, want string) {
	if (got == want) == neg {
		not := ""
		if neg {
			not = "something other than "
		}
		ts.Fatalf("%s is %q, want %s%q", what, got, not, want)
	}
}

// cmdStatus compares the status of the last response: "status N".
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: status N")
	}
	expect(ts, neg, "status", strconv.Itoa(stateOf(ts).last.status), args[0])
}

// cmdHeader compares a header of the last response: "header NAME VALUE". Values
// of several fields are joined by ", ". Negated and without a value, there must
// be no such header.
func cmdHeader(ts *testscript.TestScript, neg bool, args []string) {
	values := []string(nil)
	if len(args) > 0 {
		values = stateOf(ts).last.header.Values(args[0])
	}
	switch {
	case len(args) == 1 && neg:
		if len(values) > 0 {
			ts.Fatalf("there is a header %s: %q", args[0], values)
		}
	case len(args) == 2:
		expect(ts, neg, args[0], strings.Join(values, ", "), args[1])
	default:
		ts.Fatalf("usage: header NAME VALUE, or ! header NAME")
	}
}

// cmdBody compares the body of the last response: "body TEXT".
func cmdBody(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: body TEXT")
	}
	expect(ts, neg, "body", strings.TrimSuffix(stateOf(ts).last.body, "\n"), args[0])
}

// cmdPeer compares the name in the certificate of the last response's server:
// "peer CN".
func cmdPeer(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: peer CN")
	}
	expect(ts, neg, "name of the certificate", stateOf(ts).last.peer, args[0])
}

// cmdJSON compares a member of the last response's body: "json headers.X-Name
// VALUE". Negated and without a value, there must be no such member.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	value, ok := "", false
	if len(args) > 0 {
		value, ok = member(stateOf(ts).last.body, args[0])
	}
	switch {
	case len(args) == 1 && neg:
		if ok {
			ts.Fatalf("there is %s: %q", args[0], value)
		}
	case len(args) == 2:
		if !ok && !neg {
			ts.Fatalf("there is no %s in %s", args[0], stateOf(ts).last.body)
		}
		expect(ts, neg, args[0], value, args[1])
	default:
		ts.Fatalf("usage: json PATH VALUE, or ! json PATH")
	}
}

// member finds a value in a JSON object by names with dots between them.
func member(text, path string) (value string, ok bool) {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		object, isObject := v.(map[string]any)
		if !isObject {
			return "", false
		}
		if v, ok = object[name]; !ok {
			return "", false
		}
	}
	if s, isString := v.(string); isString {
		return s, true
	}
	data, _ := json.Marshal(v)
	return string(data), true
}

// cmdConditions looks at what the gateway says about its objects. Without
// arguments it prints everything. "conditions OBJECT [PART] WORD..." demands a
// line of that object with all the words, such as "Accepted=True" or
// "ResolvedRefs=False/BackendNotFound"; PART is as in "listener http" or
// "parent Gateway gw".
func cmdConditions(ts *testscript.TestScript, neg bool, args []string) {
	text := stateOf(ts).gateway.done.report.Load().String()
	if len(args) == 0 {
		_, _ = io.WriteString(ts.Stdout(), text)
		return
	}
	found := false
	for line := range strings.Lines(text) {
		words := strings.Split(strings.TrimSpace(line), "  ")
		if words[0] == args[0] && !slices.ContainsFunc(args[1:], func(want string) bool { return !hasWord(words[1:], want) }) {
			found = true
		}
	}
	if found == neg {
		ts.Fatalf("conditions are\n%s", text)
	}
}

// hasWord finds a word, with or without the message after it.
func hasWord(words []string, want string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return w == want || strings.HasPrefix(w, want+": ") })
}

// cmdAnswer compares what the last command printed with what a page prints:
// "answer FILE". A head is compared header by header and JSON by value, without
// what differs each time; see ignored.
func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: answer FILE")
	}
	want := strings.ReplaceAll(ts.ReadFile(args[0]), "$GATEWAY_IP", stateOf(ts).ip)
	got := ts.ReadFile("stdout")
	v := stateOf(ts).versions
	expected := parseAnswer(want, v)
	expected.Status = v.client.statusLine(expected.Status)
	if diff := cmp.Diff(expected, parseAnswer(got, v)); diff != "" {
		ts.Fatalf("the answer differs (-want +got):\n%s\nit is\n%s", diff, got)
	}
}

// answer is what curl printed.
type answer struct {
	Status  string
	Headers map[string]string
	JSON    []any
	Text    string // of what is not JSON
}

// ignored are the headers and members that differ each time or say nothing about
// the gateway: when, by whom, for whom. Scripts that are about one of them look
// at it themselves.
var ignored = []string{"date", "server", "user-agent", "origin", "x-amzn-trace-id"}

// ignores reports whether an answer's header or member is left out. HTTP/2 has no
// Connection header to show (RFC 9113, section 8.2.2).
func (v versions) ignores(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(ignored, name) || v.backend != http1 && name == "connection"
}

func parseAnswer(text string, v versions) answer {
	var a answer
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.HasPrefix(text, "HTTP/") {
		head, body, _ := strings.Cut(text, "\n\n")
		status, fields, _ := strings.Cut(head, "\n")
		a.Status, a.Headers, text = strings.TrimSpace(status), map[string]string{}, body
		for line := range strings.Lines(fields) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			name = strings.ToLower(textproto.TrimString(name))
			if name != "" && !v.ignores(name) {
				a.Headers[name] = textproto.TrimString(value)
			}
		}
		if a.Headers["content-type"] == "application/json" {
			// It is the length of a body with ignored members.
			delete(a.Headers, "content-length")
		}
	}
	values, err := jsonValues(text, v)
	if err != nil {
		a.Text = strings.TrimSpace(text)
		return a
	}
	a.JSON = values
	return a
}

// jsonValues reads a stream of JSON objects.
func jsonValues(text string, v versions) ([]any, error) {
	var values []any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		var value map[string]any
		err := d.Decode(&value)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		values = append(values, comparable(value, v))
	}
}

// comparable is a value without what is ignored, and with a name for addresses.
func comparable(value any, v versions) any {
	switch value := value.(type) {
	case map[string]any:
		maps.DeleteFunc(value, func(name string, _ any) bool { return v.ignores(name) })
		for name := range value {
			value[name] = comparable(value[name], v)
		}
	case string:
		if _, err := netip.ParseAddr(value); err == nil {
			return "ADDRESS"
		}
		if a, err := netip.ParseAddrPort(value); err == nil {
			return fmt.Sprintf("ADDRESS:%d", a.Port())
		}
	}
	return value
}
