package http1

import (
	"bytes"
	"io"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"testing"

	"fsm/internal/proxy/message"
)

// FuzzRequestHead: whatever is accepted can be forwarded, and means the same
// there; where the bytes are cut makes no difference.
func FuzzRequestHead(f *testing.F) {
	for _, s := range []string{
		request("GET / HTTP/1.1"), request("POST /a%2Fb?c=d HTTP/1.1", "Content-Length: 5", "X: y"),
		request("GET http://a.example/x HTTP/1.1", "Connection: x, close", "X: 1"), request("OPTIONS * HTTP/1.1"),
		"GET / HTTP/1.0\r\n\r\n", request("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: h2c, websocket"),
		request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "TE: trailers", "Expect: 100-continue"),
		"\r\n" + request("GET /../ HTTP/1.1"), "GET / HTTP/1.1\nHost: a\n\n",
	} {
		f.Add([]byte(s), 10, uint8(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int, policy uint8) {
		lim := benchLimits
		lim.Paths, lim.Underscores = Paths(policy%3), Underscores(policy/3%3)
		var r message.Request
		var info RequestInfo
		n, err := ParseRequest(in, &r, &info, &lim)
		if cut >= 0 && cut < len(in) {
			var r2 message.Request
			var info2 RequestInfo
			n2, err2 := ParseRequest(in[:cut], &r2, &info2, &lim)
			if err2 != nil && err == nil && n > 0 {
				t.Fatalf("%q is accepted, its first %d bytes are refused: %v", in, cut, err2)
			}
			if n2 > 0 && (n != n2 || err != nil) {
				t.Fatalf("%q: head ends at %d, or at %d when cut", in, n, n2)
			}
		}
		if err != nil || n == 0 {
			return
		}
		checkFields(t, &r.Header)
		if r.Authority == nil && !info.Version10 {
			t.Fatalf("%q: HTTP/1.1 without a host", in)
		}
		if r.Authority == nil {
			return
		}
		out := AppendRequest(nil, &r)
		var again message.Request
		var againInfo RequestInfo
		lim.Bytes *= 2
		n, err = ParseRequest(out, &again, &againInfo, &lim)
		if err != nil || n != len(out) {
			t.Fatalf("%q was forwarded as %q, which is refused: %d, %v", in, out, n, err)
		}
		if got, want := describe(&again, &RequestInfo{}), describe(&r, &RequestInfo{}); got != want {
			t.Fatalf("%q was forwarded as %q\nwhich means %s\nand not     %s", in, out, got, want)
		}
	})
}

func checkFields(t *testing.T, h *message.Header) {
	t.Helper()
	for _, f := range h.Fields() {
		if f.Name == nil {
			continue // removed
		}
		if bytes.ContainsAny(f.Name, "\r\n\x00: \t") || len(f.Name) == 0 || bytes.ContainsAny(f.Value, "\r\n\x00") {
			t.Fatalf("field %q: %q", f.Name, f.Value)
		}
	}
}

func FuzzResponseHead(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.0 204\r\n\r\n", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, head bool) {
		var r message.Response
		var info ResponseInfo
		n, err := ParseResponse(in, &r, &info, &ResponseLimits, head)
		if err != nil {
			if err.Status != 502 {
				t.Fatalf("%q: backend's fault answered with %d", in, err.Status)
			}
			return
		}
		if n == 0 {
			return
		}
		checkFields(t, &r.Header)
		if info.HasBody && (head || r.Status == 204 || r.Status == 304 || r.Status < 200) {
			t.Fatalf("%q: has a body", in)
		}
		out := appendResponse(nil, &r, responseFraming{chunked: info.HasBody && info.Chunked})
		var again message.Response
		var againInfo ResponseInfo
		m, err := ParseResponse(out, &again, &againInfo, &Limits{Bytes: 1 << 20, Fields: 1000, Underscores: AllowUnderscores}, head)
		if err != nil || m != len(out) || again.Status != r.Status || again.Header.Count() != r.Header.Count() {
			t.Fatalf("%q was forwarded as %q: %d, %v", in, out, m, err)
		}
	})
}

// FuzzChunks: what is accepted, Go's own reader takes for the same bytes; where
// they are cut makes no difference.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nNEXT", "a;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\n"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, in string, piece int) {
		if len(in) > 1<<16 {
			return
		}
		data, trailer, rest, err := readChunks(in, len(in)+1)
		if piece > 0 {
			data2, trailer2, rest2, err2 := readChunks(in, max(piece, len(in)/100))
			if (err == nil) != (err2 == nil) || err == nil && (data != data2 || trailer != trailer2 || rest != rest2) {
				t.Fatalf("%q: %q %q %q %v, in pieces %q %q %q %v", in, data, trailer, rest, err, data2, trailer2, rest2, err2)
			}
		}
		if err != nil || rest == "incomplete" {
			return
		}
		body, ioErr := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(in)))
		if ioErr != nil || string(body) != data {
			t.Fatalf("%q: got %q, other readers %q, %v", in, data, body, ioErr)
		}
	})
}

// FuzzPath: under no policy does a path come out whose dot segments a backend
// could resolve to somewhere else than the proxy matched, except where they are
// kept; normalising twice changes nothing.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/%2e%2e/", "/a;..%2f/", "//a//b/.", "/%c0%ae", "/..%5c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, policy := range []Paths{RejectDotSegments, NormalisePaths, KeepDotSegments} {
			lim := benchLimits
			lim.Paths = policy
			parse := func(p string) (string, bool) {
				var r message.Request
				var info RequestInfo
				n, err := ParseRequest([]byte("GET "+p+" HTTP/1.1\r\nHost: a\r\n\r\n"), &r, &info, &lim)
				return string(r.Path), n > 0 && err == nil && p != "" && p[0] == '/'
			}
			out, ok := parse(in)
			if !ok {
				continue
			}
			decoded, err := url.PathUnescape(out)
			if err != nil || strings.ContainsRune(decoded, 0) {
				t.Fatalf("%q became %q: %v", in, out, err)
			}
			if policy == KeepDotSegments {
				if q := strings.IndexByte(in, '?'); q < 0 && out != in || q >= 0 && out != in[:q] {
					t.Fatalf("%q became %q", in, out)
				}
				continue
			}
			// A backend may decode first and clean then, and take backslashes for
			// slashes; apart from doubled slashes that must change nothing.
			clean := strings.ReplaceAll(decoded, `\`, "/")
			if got := path.Clean(clean); squeeze(got) != squeeze(strings.TrimRight(clean, "/")) {
				t.Fatalf("policy %d: %q became %q, which a backend reads as %q", policy, in, out, got)
			}
			if again, ok := parse(out); policy == NormalisePaths && (!ok || again != out) {
				t.Fatalf("%q became %q and then %q", in, out, again)
			}
		}
	})
}

// squeeze merges slashes.
func squeeze(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return strings.TrimRight(p, "/")
}
