package explain_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"fsm/internal/explain"
	"fsm/internal/golden"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/source/file"
	"fsm/internal/translate"
)

var update = flag.Bool("update", false, "rewrite the expectations")

// TestExplain asks the questions of each case, one per line:
//
//	METHOD URL [-H name:value]... [--client ADDRESS] [--sni NAME] [--gateway NAMESPACE/NAME]
func TestExplain(t *testing.T) {
	cases, err := golden.Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("there is no case")
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			set, places, err := file.Locate([]string{file.Stdin}, bytes.NewReader(c.Input))
			if err != nil {
				t.Fatal(err)
			}
			model := explain.NewModel(set, explain.Options{
				Translate: translate.Config{Standalone: true},
				Node:      project.Node{Role: project.RoleGateway, Bind: []string{"127.0.0.1"}},
				Places:    places,
			})
			questions, _ := c.Section("questions")
			answers := ""
			for line := range strings.Lines(questions) {
				q := parseQuestion(t, line)
				e, err := model.Explain(q)
				if err != nil {
					answers += fmt.Sprintf("%s %s\n\nerror: %v\n\n", q.Method, q.URL, err)
					continue
				}
				answers += text(t, e) + "\n"
			}
			c.Check(t, *update, golden.Section{Name: "answers", Text: answers})
		})
	}
}

func parseQuestion(t *testing.T, line string) explain.Question {
	t.Helper()
	words := strings.Fields(line)
	q := explain.Question{Method: words[0], URL: words[1]}
	for rest := words[2:]; len(rest) > 0; rest = rest[2:] {
		switch rest[0] {
		case "-H":
			q.Headers = append(q.Headers, rest[1])
		case "--client":
			q.Client = netip.MustParseAddr(rest[1])
		case "--sni":
			q.ServerName = rest[1]
		case "--gateway":
			q.Gateway = ir.GatewayName(rest[1])
		default:
			t.Fatalf("question %q: what is %s?", line, rest[0])
		}
	}
	return q
}
