package script

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPages: the scripts of the pages, and what the pages show of them.
func TestPages(t *testing.T) {
	t.Setenv("HOSTNAME", "httpbin-5f69c44674-hrvqp")
	for _, c := range []struct {
		script, want string
		port, status int
	}{
		{"pipy().listen(8080).serveHTTP(new Message({status: 200},'Hello, world'))", "Hello, world", 8080, 200},
		{"pipy().listen(8080).serveHTTP(new Message({status: 503},'Service unavailable'))", "Service unavailable", 8080, 503},
		{"pipy()\n.listen(8000)\n.serveHTTP(new Message('Response from pod ' + os.env[\"HOSTNAME\"]))\n", "Response from pod httpbin-5f69c44674-hrvqp", 8000, 200},
		{"pipy().listen(8080).serveHTTP(new Message('Hi, I am pipy ok v1 !\\n'))", "Hi, I am pipy ok v1 !\n", 8080, 200},
		{"pipy().listen(8080).serveHTTP(msg=>(console.log(msg.head),msg))", "Hello world", 8080, 200},
		{"pipy().listen(80).serveHTTP(() => new Message({status:201}, 'a' + 'b'))", "ab", 80, 201},
		{"pipy().listen(80).serveHTTP((r) => new Message('got ' + r + os.env['NO_SUCH_VARIABLE']))", "got Hello worldundefined", 80, 200},
	} {
		servers, err := Parse(c.script, io.Discard)
		if err != nil || len(servers) != 1 || servers[0].Port != c.port {
			t.Errorf("%s: got %v, %v", c.script, servers, err)
			continue
		}
		w := httptest.NewRecorder()
		servers[0].ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Hello world")))
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%s: got %d %q", c.script, w.Code, w.Body)
		}
	}
}

// TestLog: the head of a request is printed as the page on mirroring shows it.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	servers, err := Parse("pipy().listen(8080).serveHTTP(msg=>(console.log(msg.head),msg))", &log)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/path", strings.NewReader("Hello world"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	servers[0].ServeHTTP(w, r)
	_, printed, _ := strings.Cut(log.String(), " [INF] ")
	want := `{ protocol: "HTTP/1.1", headers: { "host": "example.com", "content-length": "11", "content-type": "application/x-www-form-urlencoded" }, method: "POST", scheme: undefined, authority: undefined, path: "/path" }` + "\n"
	if printed != want {
		t.Errorf("printed %s\nwant    %s", printed, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/x-www-form-urlencoded" {
		t.Errorf("the answer is of type %q, unlike the request", got)
	}
}

func TestServers(t *testing.T) {
	servers, err := Parse("pipy().listen(8080).serveHTTP(new Message('one')).listen(8081).serveHTTP(new Message('two'))", io.Discard)
	if err != nil || len(servers) != 2 || servers[0].Port != 8080 || servers[1].Port != 8081 {
		t.Errorf("got %v, %v", servers, err)
	}
}

// TestErrors: what is not understood is an error that says where.
func TestErrors(t *testing.T) {
	for script, want := range map[string]string{
		"":                    `at 0: got the end, want "pipy"`,
		"pipy()":              `at 6: got the end, want "."`,
		"pipy().listen()":     `at 14: got ), want a number`,
		"pipy().listen(8080)": `at 19: got the end, want "."`,
		"pipy().listen(8080).demuxHTTP().to(x=>x)":                          `at 20: got demuxHTTP, want "serveHTTP"`,
		"pipy().listen(8080).serveHTTP('text')":                             `at 30: got a string, want a name`,
		"pipy().listen(8080).serveHTTP(new Message('a')":                    `at 46: got the end, want ")"`,
		"pipy().listen(8080).serveHTTP(new Message('a)":                     `at 42: a string has no end`,
		`pipy().listen(8080).serveHTTP(new Message('\x'))`:                  `at 42: \x in a string is not understood`,
		"pipy().listen(8080).serveHTTP(new Message({headers: {}}, ''))":     `at 43: got headers, want "status"`,
		"pipy().listen(8080).serveHTTP(new Message({status: 99}, ''))":      `at 51: a response cannot have the status 99`,
		"pipy().listen(8080).serveHTTP(new Message(msg))":                   `at 42: got msg, want a value`,
		"pipy().listen(8080).serveHTTP(msg=>msg.body)":                      `at 39: got body, want "head"`,
		"pipy().listen(8080).serveHTTP(msg=>msg) && 1":                      `at 40: '&' is not understood here`,
		"pipy().listen(99999999999999999999).serveHTTP(new Message('big'))": "out of range",
	} {
		if servers, err := Parse(script, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v, %v\nwant %s", script, servers, err, want)
		}
	}
}
