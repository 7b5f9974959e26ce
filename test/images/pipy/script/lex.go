package script

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is that of a token. Marks are of their own kind each.
type kind string

const (
	name   kind = "a name"
	number kind = "a number"
	text   kind = "a string"
	end    kind = "the end"
)

// token is a word of a script.
type token struct {
	kind kind
	// text is the word itself; of a string, what it means.
	text string
	at   int
}

// String is the token as errors show it.
func (t token) String() string {
	if t.kind == name || t.kind == number {
		return t.text
	}
	return string(t.kind)
}

// marks are the tokens that are neither words nor numbers.
var marks = []string{"=>", "(", ")", "{", "}", "[", "]", ".", ",", ":", "+"}

// split cuts a script into tokens. The last one is the end.
func split(script string) ([]token, error) {
	var tokens []token
	for at := 0; ; {
		at += len(script[at:]) - len(strings.TrimLeftFunc(script[at:], unicode.IsSpace))
		t, length, err := next(script[at:])
		if err != nil {
			return nil, fmt.Errorf("at %d: %w", at, err)
		}
		t.at = at
		tokens = append(tokens, t)
		if t.kind == end {
			return tokens, nil
		}
		at += length
	}
}

// next reads the token that a script begins with.
func next(script string) (t token, length int, err error) {
	if script == "" {
		return token{kind: end}, 0, nil
	}
	for _, m := range marks {
		if strings.HasPrefix(script, m) {
			return token{kind: kind(m)}, len(m), nil
		}
	}
	switch first, _ := utf8.DecodeRuneInString(script); {
	case first == '\'' || first == '"':
		return quoted(script)
	case unicode.IsDigit(first):
		word := leading(script, unicode.IsDigit)
		return token{kind: number, text: word}, len(word), nil
	case unicode.IsLetter(first):
		word := leading(script, func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
		return token{kind: name, text: word}, len(word), nil
	default:
		return token{}, 0, fmt.Errorf("%q is not understood here", first)
	}
}

func leading(s string, f func(rune) bool) string {
	return s[:len(s)-len(strings.TrimLeftFunc(s, f))]
}

// escapes are what may follow a backslash in a string.
var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '\'': '\'', '"': '"'}

// quoted reads a string, which ends with the quotation mark that it begins with.
func quoted(script string) (t token, length int, err error) {
	var b strings.Builder
	for i := 1; i < len(script); i++ {
		switch c := script[i]; c {
		case script[0]:
			return token{kind: text, text: b.String()}, i + 1, nil
		case '\\':
			i++
			if i == len(script) {
				break
			}
			meant, ok := escapes[script[i]]
			if !ok {
				return token{}, 0, fmt.Errorf("\\%c in a string is not understood", script[i])
			}
			b.WriteByte(meant)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, fmt.Errorf("a string has no end")
}
