package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

const (
	sessionDir = ".session"
	outSuffix  = ".out"
)

// marks begin a line of a session, and the commands are what they become.
var marks = []struct{ prefix, command string }{
	{"$ ", "sh once"},
	{"! $ ", "! sh once"},
	{"eventually $ ", "sh eventually"},
	{"eventually ! $ ", "! sh eventually"},
}

// prepare makes the sessions in a script into commands that testscript can read, each
// on the line where it was. The shell's lines, and what they should print, become files.
func prepare(script []byte) ([]byte, error) {
	archive := txtar.Parse(script)
	lines := strings.Split(string(archive.Comment), "\n")
	for i := range lines {
		command, first, ok := marked(lines[i])
		if !ok {
			continue
		}
		input := inputAt(lines[i:], first)
		if input < 0 {
			return nil, fmt.Errorf("line %d does not end", i+1)
		}
		end := i + input
		for end < len(lines) && strings.HasPrefix(lines[end], "|") {
			end++
		}
		name := fmt.Sprintf("%s/%d", sessionDir, i+1)
		typed := append([]string{first}, lines[i+1:i+input]...)
		archive.Files = append(archive.Files,
			txtar.File{Name: name, Data: joined(typed)}, txtar.File{Name: name + outSuffix, Data: printed(lines[i+input : end])})
		lines[i] = command + " " + name
		clear(lines[i+1 : end])
	}
	archive.Comment = []byte(strings.Join(lines, "\n"))
	return txtar.Format(archive), nil
}

// marked splits a line of a session.
func marked(line string) (command, rest string, ok bool) {
	for _, m := range marks {
		if rest, ok := strings.CutPrefix(line, m.prefix); ok {
			return m.command, rest, true
		}
	}
	return "", "", false
}

// heredoc is the end of a line whose standard input follows.
var heredoc = regexp.MustCompile(`<<(\w+)$`)

// inputAt counts the lines that a shell takes for one; -1 if they do not end.
func inputAt(lines []string, first string) int {
	m := heredoc.FindStringSubmatch(first)
	for i, line := range lines {
		if m == nil && !strings.HasSuffix(line, `\`) || m != nil && line == m[1] {
			return i + 1
		}
	}
	return -1
}

func joined(lines []string) []byte {
	if len(lines) == 0 {
		return nil
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// printed is what lines with the mark of output say.
func printed(lines []string) []byte {
	var text []string
	for _, line := range lines {
		text = append(text, strings.TrimPrefix(strings.TrimPrefix(line, "|"), " "))
	}
	return joined(text)
}

var blanks = regexp.MustCompile(`[ \t\r]+`)

// tidy makes runs of blanks one, so that the width of columns does not matter.
func tidy(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(blanks.ReplaceAllString(line, " "), " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// matches tells whether text is what is wanted. There "*" stands for anything within a
// line, and a line "..." for any lines.
func matches(text, want string) bool {
	var pattern strings.Builder
	pattern.WriteString("^")
	for line := range strings.Lines(tidy(want)) {
		if line == "...\n" {
			pattern.WriteString(`(?:.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\*`, `.*`))
	}
	return regexp.MustCompile(pattern.String() + "$").MatchString(tidy(text))
}

func TestPrepare(t *testing.T) {
	const script = `# A page.
$ kubectl apply -f - <<EOF
kind: A
EOF
eventually $ kubectl get a \
    -n b
| NAME   AGE
| x      *
! $ false
load http://x
-- file --
content
`
	const want = `# A page.
sh once .session/2


sh eventually .session/5



! sh once .session/9
load http://x
-- file --
content
-- .session/2 --
kubectl apply -f - <<EOF
kind: A
EOF
-- .session/2.out --
-- .session/5 --
kubectl get a \
    -n b
-- .session/5.out --
NAME   AGE
x      *
-- .session/9 --
false
-- .session/9.out --
`
	got, err := prepare([]byte(script))
	if err != nil || string(got) != want {
		t.Errorf("prepare: %v\n%s", err, got)
	}
	if got, err := prepare([]byte("$ cat <<EOF\nx\n")); err == nil {
		t.Errorf("what does not end became\n%s", got)
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		ok         bool
	}{
		{"NAME  AGE\nx     5s\n", "NAME AGE\nx *\n", true},
		{"NAME  AGE\nx     5s\ny     6s\n", "NAME AGE\nx *\n", false},
		{"NAME  AGE\nx     5s\ny     6s\n", "NAME AGE\n...\ny *\n", true},
		{"HTTP/1.1 404 Not Found\r\ndate: now\r\n\r\nNot found\n", "HTTP/1.1 404 Not Found\n...\n\nNot found\n", true},
		{"HTTP/1.1 404 Not Found\r\n", "HTTP/1.1 200 OK\n...\n", false},
		{"a.b\n", "axb\n", false},
		{"", "x\n", false},
	} {
		if got := matches(tt.text, tt.want); got != tt.ok {
			t.Errorf("%q matches %q: %v", tt.text, tt.want, got)
		}
	}
}
