package http1

import (
	"fmt"
	"strings"
	"testing"

	"fsm/internal/proxy/message"
)

func TestParseResponseRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"HTTP/0.9":            "<html>hello</html>\r\n\r\n",
		"other protocol":      "SSH-2.0-OpenSSH_9.2\r\n",
		"version 2":           "HTTP/2.0 200 OK\r\n\r\n",
		"version 1.2":         "HTTP/1.2 200 OK\r\n\r\n",
		"status not a number": "HTTP/1.1 2x0 OK\r\n\r\n",
		"status too short":    "HTTP/1.1 20 OK\r\n\r\n",
		"status too long":     "HTTP/1.1 2000 OK\r\n\r\n",
		"status below 100":    "HTTP/1.1 099 OK\r\n\r\n",
		"two spaces":          "HTTP/1.1  200 OK\r\n\r\n",
		"bare LF":             "HTTP/1.1 200 OK\n\n",
		"bare LF in header":   "HTTP/1.1 200 OK\r\nA: b\n\r\n",
		"NUL in reason":       "HTTP/1.1 200 O\x00K\r\n\r\n",
		"length and coding":   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"same length twice":   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"negative length":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"unknown coding":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"coding in HTTP/1.0":  "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"folded":              "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		"space before colon":  "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
		"no colon":            "HTTP/1.1 200 OK\r\nAb\r\n\r\n",
		"large":               "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 70<<10),
		"many":                "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 300) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var r message.Response
			var info ResponseInfo
			n, err := ParseResponse([]byte(in), &r, &info, &ResponseLimits, false)
			if err == nil {
				t.Fatalf("parsed %d bytes of %q, want a refusal", n, in)
			}
			if err.Status != 502 || err.Reason != ReasonUpstreamProtocol {
				t.Errorf("got %d %s (%v), want 502", err.Status, err.Reason, err.Cause)
			}
		})
	}
}

func TestParseResponseAccepts(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		head bool
		want string // status, length, framing, whether the connection may be kept
	}{
		"length":             {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, "200 5 length=5 keep"},
		"chunked":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "200 -1 chunked keep"},
		"until close":        {"HTTP/1.1 200 OK\r\n\r\n", false, "200 -1 close"},
		"no reason":          {"HTTP/1.1 204 \r\n\r\n", false, "204 -2 none keep"},
		"no space":           {"HTTP/1.1 204\r\n\r\n", false, "204 -2 none keep"},
		"not modified":       {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, "304 5 none keep"},
		"HEAD":               {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, "200 5 none keep"},
		"HEAD, chunked":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, "200 -1 none keep"},
		"HEAD, nothing said": {"HTTP/1.1 200 OK\r\n\r\n", true, "200 -2 none keep"},
		"connection: close":  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", false, "200 5 length=5"},
		"HTTP/1.0":           {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, "200 5 length=5"},
		"HTTP/1.0 kept":      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", false, "200 5 length=5 keep"},
		"100":                {"HTTP/1.1 100 Continue\r\n\r\n", false, "100 -2 none keep"},
		"204 with length":    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, "204 -2 none keep"},
		"own status":         {"HTTP/1.1 799 Whatever\r\nContent-Length: 0\r\n\r\n", false, "799 0 length=0 keep"},
		"reason not ASCII":   {"HTTP/1.1 200 \xc3\xa9\r\nContent-Length: 0\r\n\r\n", false, "200 0 length=0 keep"},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.in + "NEXT"
			var r message.Response
			var info ResponseInfo
			n, err := ParseResponse([]byte(in), &r, &info, &ResponseLimits, c.head)
			if err != nil {
				t.Fatal(err)
			}
			framing := "close"
			switch {
			case !info.HasBody:
				framing = "none"
			case info.Chunked:
				framing = "chunked"
			case info.Length >= 0:
				framing = fmt.Sprintf("length=%d", info.Length)
			}
			got := fmt.Sprintf("%d %d %s", r.Status, r.Length, framing)
			if info.KeepAlive {
				got += " keep"
			}
			if got != c.want || n != len(c.in) {
				t.Errorf("got %s, %d bytes; want %s, %d", got, n, c.want, len(c.in))
			}
			for i := range len(c.in) {
				if n, err := ParseResponse([]byte(in[:i]), &r, &info, &ResponseLimits, c.head); n != 0 || err != nil {
					t.Fatalf("first %d bytes: got %d, %v, want to be asked for more", i, n, err)
				}
			}
		})
	}
}
