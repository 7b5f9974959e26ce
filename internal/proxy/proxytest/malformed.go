package proxytest

import "strings"

// MalformedHead is a request head that must be refused.
type MalformedHead struct {
	Name   string
	Raw    string
	Status int
	Reason string
}

// Request is a request that is valid but for what is put in.
func Request(line string, headers ...string) string {
	return line + "\r\n" + strings.Join(append([]string{"Host: a.example"}, headers...), "\r\n") + "\r\n\r\n"
}

// MalformedHeads has one for each class of malformed request head, with what has
// to be answered.
//
// Long because it is a table.
func MalformedHeads() []MalformedHead {
	get := "GET / HTTP/1.1"
	return []MalformedHead{
		{"length and coding", Request("POST / HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked"), 400, "bad_framing"},
		{"coding and length", Request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 4"), 400, "bad_framing"},
		{"coding and zero length", Request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 0"), 400, "bad_framing"},
		{"two lengths", Request("POST / HTTP/1.1", "Content-Length: 4", "Content-Length: 5"), 400, "bad_framing"},
		{"same length twice", Request("POST / HTTP/1.1", "Content-Length: 4", "Content-Length: 4"), 400, "bad_framing"},
		{"length list", Request("POST / HTTP/1.1", "Content-Length: 5, 5"), 400, "bad_framing"},
		{"negative length", Request("POST / HTTP/1.1", "Content-Length: -1"), 400, "bad_framing"},
		{"plus length", Request("POST / HTTP/1.1", "Content-Length: +5"), 400, "bad_framing"},
		{"hex length", Request("POST / HTTP/1.1", "Content-Length: 0x5"), 400, "bad_framing"},
		{"empty length", Request("POST / HTTP/1.1", "Content-Length: "), 400, "bad_framing"},
		{"leading zero length", Request("POST / HTTP/1.1", "Content-Length: 005"), 400, "bad_framing"},
		{"huge length", Request("POST / HTTP/1.1", "Content-Length: 9999999999999999999"), 400, "bad_framing"},
		{"length with space inside", Request("POST / HTTP/1.1", "Content-Length: 1 2"), 400, "bad_framing"},
		{"coding xchunked", Request("POST / HTTP/1.1", "Transfer-Encoding: xchunked"), 501, "bad_framing"},
		{"coding identity", Request("POST / HTTP/1.1", "Transfer-Encoding: identity"), 501, "bad_framing"},
		{"coding gzip, chunked", Request("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked"), 501, "bad_framing"},
		{"coding twice", Request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400, "bad_framing"},
		{"coding chunked, chunked", Request("POST / HTTP/1.1", "Transfer-Encoding: chunked, chunked"), 501, "bad_framing"},
		{"coding quoted", Request("POST / HTTP/1.1", "Transfer-Encoding: \"chunked\""), 501, "bad_framing"},
		{"coding with vertical tab", Request("POST / HTTP/1.1", "Transfer-Encoding: \vchunked"), 400, "bad_header"},
		{"coding, space, colon", Request("POST / HTTP/1.1", "Transfer-Encoding : chunked"), 400, "bad_header"},
		{"coding in HTTP/1.0", Request("POST / HTTP/1.0", "Transfer-Encoding: chunked"), 400, "bad_framing"},
		{"coding by folding", Request("POST / HTTP/1.1", "X: y\r\n Transfer-Encoding: chunked"), 400, "bad_header"},
		{"folded value", Request(get, "X: a\r\n\tb"), 400, "bad_header"},
		{"bare LF request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "bad_header"},
		{"bare LF header", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "bad_header"},
		{"bare LF end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bad_header"},
		{"bare CR in value", Request(get, "X: a\rb"), 400, "bad_header"},
		{"bare CR in name", Request(get, "X\r: a"), 400, "bad_header"},
		{"NUL in value", Request(get, "X: a\x00b"), 400, "bad_header"},
		{"control in value", Request(get, "X: a\x01b"), 400, "bad_header"},
		{"DEL in value", Request(get, "X: a\x7fb"), 400, "bad_header"},
		{"NUL in name", Request(get, "X\x00: a"), 400, "bad_header"},
		{"space before colon", Request(get, "X : a"), 400, "bad_header"},
		{"tab before colon", Request(get, "X\t: a"), 400, "bad_header"},
		{"empty name", Request(get, ": a"), 400, "bad_header"},
		{"name with space", Request(get, "X Y: a"), 400, "bad_header"},
		{"name with at", Request(get, "X@Y: a"), 400, "bad_header"},
		{"name not ASCII", Request(get, "X\xe9: a"), 400, "bad_header"},
		{"no colon", Request(get, "Xyz"), 400, "bad_header"},
		{"leading space", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "bad_header"},
		{"no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400, "bad_host"},
		{"two hosts", Request(get, "Host: a.example"), 400, "bad_host"},
		{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_host"},
		{"host with comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, "bad_host"},
		{"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_host"},
		{"host with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "bad_host"},
		{"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_host"},
		{"host with bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, "bad_host"},
		{"host with large port", "GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", 400, "bad_host"},
		{"host not ASCII", "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", 400, "bad_host"},
		{"absolute form differs", Request("GET http://b.example/ HTTP/1.1"), 400, "bad_host"},
		{"absolute form, port", Request("GET http://a.example:81/ HTTP/1.1"), 400, "bad_host"},
		{"absolute form, userinfo", Request("GET http://u@a.example/ HTTP/1.1"), 400, "bad_host"},
		{"absolute form, ftp", Request("GET ftp://a.example/ HTTP/1.1"), 400, "bad_request_line"},
		{"no leading slash", Request("GET foo HTTP/1.1"), 400, "bad_request_line"},
		{"asterisk for GET", Request("GET * HTTP/1.1"), 400, "bad_request_line"},
		{"two spaces", Request("GET  / HTTP/1.1"), 400, "bad_request_line"},
		{"two spaces later", Request("GET /  HTTP/1.1"), 400, "bad_request_line"},
		{"tab in request line", Request("GET\t/ HTTP/1.1"), 400, "bad_request_line"},
		{"trailing space", Request("GET / HTTP/1.1 "), 400, "bad_request_line"},
		{"lower-case version", Request("GET / http/1.1"), 400, "bad_request_line"},
		{"no version", "GET /\r\nHost: a\r\n\r\n", 400, "bad_request_line"},
		{"version 1.2", Request("GET / HTTP/1.2"), 505, "version_not_supported"},
		{"version 2.0", Request("GET / HTTP/2.0"), 505, "version_not_supported"},
		{"version 0.9", Request("GET / HTTP/0.9"), 505, "version_not_supported"},
		{"version 1.10", Request("GET / HTTP/1.10"), 400, "bad_request_line"},
		{"method with a colon", Request("GE:T / HTTP/1.1"), 400, "bad_request_line"},
		{"method in lower case", Request("get / HTTP/1.1"), 400, "bad_request_line"},
		{"method in mixed case", Request("Post / HTTP/1.1"), 400, "bad_request_line"},
		{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "bad_request_line"},
		{"CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 405, "connect_refused"},
		{"NUL in path", Request("GET /\x00 HTTP/1.1"), 400, "bad_request_line"},
		{"backslash in path", Request(`GET /a\b HTTP/1.1`), 400, "bad_request_line"},
		{"fragment", Request("GET /a#b HTTP/1.1"), 400, "bad_request_line"},
		{"bytes that are not ASCII", Request("GET /\xc0\xaf HTTP/1.1"), 400, "bad_request_line"},
		{"query not ASCII", Request("GET /?\xc3\xa9 HTTP/1.1"), 400, "bad_request_line"},
		{"encoded NUL", Request("GET /a%00b HTTP/1.1"), 400, "bad_path"},
		{"broken encoding", Request("GET /a%zz HTTP/1.1"), 400, "bad_path"},
		{"cut encoding", Request("GET /a%4 HTTP/1.1"), 400, "bad_path"},
		{"overlong two bytes", Request("GET /%C0%AF HTTP/1.1"), 400, "bad_path"},
		{"overlong three bytes", Request("GET /%e0%80%af HTTP/1.1"), 400, "bad_path"},
		{"overlong four bytes", Request("GET /%F0%80%80%AF HTTP/1.1"), 400, "bad_path"},
		{"unknown expectation", Request("POST / HTTP/1.1", "Expect: a-cookie", "Content-Length: 1"), 417, "expectation_failed"},
		{"101 header lines", Request(get, strings.Split(strings.Repeat("A: b,", 100), ",")[:100]...), 431, "header_too_large"},
		{"one large header", Request(get, "A: "+strings.Repeat("b", 70<<10)), 431, "header_too_large"},
		{"large request line", Request("GET /" + strings.Repeat("b", 20<<10) + " HTTP/1.1"), 414, "uri_too_long"},
		{"many connection tokens", Request(get, "Connection: "+strings.Repeat("x,", 50)), 431, "header_too_large"},
	}
}
