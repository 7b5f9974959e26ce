package http1

import (
	"testing"

	"fsm/internal/proxy/message"
)

var benchRequest = []byte("GET /route-42/index.html?x=1 HTTP/1.1\r\nHost: foo.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\nCookie: session=0123456789abcdef\r\n\r\n")

var benchSmall = []byte("GET / HTTP/1.1\r\nHost: 127.0.0.1:8103\r\n\r\n")

var benchResponse = []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 11:43:16 GMT\r\nContent-Type: application/octet-stream\r\n" +
	"Content-Length: 128\r\nConnection: keep-alive\r\n\r\n")

var benchLimits = Limits{Bytes: 64 << 10, Fields: 100}

func BenchmarkParseRequest(b *testing.B) {
	for name, in := range map[string][]byte{"small": benchSmall, "browser": benchRequest} {
		b.Run(name, func(b *testing.B) {
			var r message.Request
			var info RequestInfo
			b.ReportAllocs()
			for b.Loop() {
				if n, err := ParseRequest(in, &r, &info, &benchLimits); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	var r message.Request
	var info RequestInfo
	if _, err := ParseRequest(benchRequest, &r, &info, &benchLimits); err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendRequest(out[:0], &r)
	}
}

func BenchmarkParseResponse(b *testing.B) {
	var r message.Response
	var info ResponseInfo
	b.ReportAllocs()
	for b.Loop() {
		if n, err := ParseResponse(benchResponse, &r, &info, &ResponseLimits, false); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	var r message.Response
	var info ResponseInfo
	if _, err := ParseResponse(benchResponse, &r, &info, &ResponseLimits, false); err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		appendResponse(out[:0], &r, responseFraming{})
	}
}
