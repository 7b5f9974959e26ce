package script

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Parse reads a script. What it prints goes to log, in one write for each line.
func Parse(script string, log io.Writer) ([]*Server, error) {
	tokens, err := split(script)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	p.words("pipy", "(", ")")
	servers := []*Server{p.server(log)}
	for p.rest() {
		servers = append(servers, p.server(log))
	}
	return servers, p.err
}

// parser reads tokens. After the first mistake it is at the end, and whatever it
// returns is of no use.
type parser struct {
	tokens []token // those not read yet; the last one is always there
	err    error
	// parameter is the name of the request, in a handler that has one.
	parameter string
}

// rest says whether there is something left to read.
func (p *parser) rest() bool { return p.tokens[0].kind != end }

// is says whether the next token is a mark, or a name.
func (p *parser) is(word string) bool {
	t := p.tokens[0]
	return t.kind == kind(word) || t.kind == name && t.text == word
}

// skip reads the next token if it is this mark or name.
func (p *parser) skip(word string) bool {
	if !p.is(word) {
		return false
	}
	p.read()
	return true
}

func (p *parser) read() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// words reads marks and names that have to be there.
func (p *parser) words(words ...string) {
	for _, word := range words {
		if !p.skip(word) {
			p.fail(fmt.Sprintf("%q", word))
		}
	}
}

// expect reads a token of a kind that has to be there.
func (p *parser) expect(k kind) string {
	if p.tokens[0].kind != k {
		p.fail(string(k))
		return ""
	}
	return p.read().text
}

func (p *parser) number() int {
	at := p.tokens[0].at
	n, err := strconv.Atoi(p.expect(number))
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("at %d: %w", at, err)
	}
	return n
}

// fail notes the first mistake and goes to the end.
func (p *parser) fail(want string) {
	if p.err == nil {
		p.err = fmt.Errorf("at %d: got %s, want %s", p.tokens[0].at, p.tokens[0], want)
	}
	p.tokens = p.tokens[len(p.tokens)-1:]
}

func (p *parser) server(log io.Writer) *Server {
	s := &Server{log: log}
	p.words(".", "listen", "(")
	s.Port = p.number()
	p.words(")", ".", "serveHTTP", "(")
	s.answer = p.handler()
	p.words(")")
	return s
}

func (p *parser) handler() value {
	if p.is("new") {
		return p.term()
	}
	if p.skip("(") {
		if !p.is(")") {
			p.parameter = p.expect(name)
		}
		p.words(")")
	} else {
		p.parameter = p.expect(name)
	}
	p.words("=>")
	v := p.value()
	p.parameter = ""
	return v
}

func (p *parser) value() value {
	v := p.term()
	for p.skip("+") {
		v = sum(v, p.term())
	}
	return v
}

func (p *parser) term() value {
	switch {
	case p.tokens[0].kind == text:
		return constant(p.read().text)
	case p.skip("new"):
		return p.message()
	case p.skip("os"):
		p.words(".", "env", "[")
		variable := p.expect(text)
		p.words("]")
		return environment(variable)
	case p.skip("console"):
		p.words(".", "log", "(")
		v := p.value()
		p.words(")")
		return logged(v)
	case p.skip("("):
		values := []value{p.value()}
		for p.skip(",") {
			values = append(values, p.value())
		}
		p.words(")")
		return last(values)
	case p.parameter != "" && p.skip(p.parameter):
		if p.skip(".") {
			p.words("head")
			return requestHead
		}
		return request
	default:
		p.fail("a value")
		return constant("")
	}
}

// message reads what follows "new".
func (p *parser) message() value {
	status := http.StatusOK
	p.words("Message", "(")
	if p.skip("{") {
		p.words("status", ":")
		status = p.status()
		p.words("}", ",")
	}
	body := p.value()
	p.words(")")
	return newMessage(status, body)
}

func (p *parser) status() int {
	at := p.tokens[0].at
	n := p.number()
	if (n < 200 || n > 599) && p.err == nil {
		p.err = fmt.Errorf("at %d: a response cannot have the status %d", at, n)
	}
	return n
}
