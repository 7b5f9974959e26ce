package standin

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pipy is the echo server of the page on mirroring: it answers with the body of
// the request and prints the head the way Pipy prints objects.
type pipy struct {
	name string
	out  io.Writer
	mu   sync.Mutex
}

func newPipy(name string, out io.Writer) *pipy { return &pipy{name: name, out: out} }

// ServeHTTP implements http.Handler.
func (p *pipy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	p.print(PipyHead(r))
	if t := r.Header.Get("Content-Type"); t != "" {
		w.Header().Set("Content-Type", t)
	}
	_, _ = w.Write(body)
}

// print writes a line the way stern shows it, with the names of pod and
// container.
func (p *pipy) print(head string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, "%s › pipy %s [INF] %s\n", p.name, time.Now().Format("2006-01-02 15:04:05.000"), head)
}

// PipyHead is the head of a request the way Pipy prints it.
func PipyHead(r *http.Request) string {
	headers := []string{member("host", r.Host)}
	for name, values := range r.Header {
		headers = append(headers, member(strings.ToLower(name), strings.Join(values, ",")))
	}
	if r.ContentLength > 0 {
		length := member("content-length", strconv.FormatInt(r.ContentLength, 10))
		if !slices.Contains(headers, length) {
			headers = append(headers, length)
		}
	}
	slices.Sort(headers[1:])
	return fmt.Sprintf("{ protocol: %q, headers: { %s }, method: %q, scheme: undefined, authority: undefined, path: %q }",
		r.Proto, strings.Join(headers, ", "), r.Method, r.URL.RequestURI())
}

func member(name, value string) string { return fmt.Sprintf("%q: %q", name, value) }
