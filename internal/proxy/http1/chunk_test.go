package http1

import (
	"strings"
	"testing"

	"fsm/internal/proxy/message"
)

// readChunks takes a chunked body apart, fed in pieces of a size.
func readChunks(in string, piece int) (data, trailer, rest string, err *message.Reply) {
	var c ChunkReader
	c.Reset(true)
	var window []byte
	for !c.Done() {
		ready := c.ready(window)
		d, used, err := c.Next(window, &benchLimits)
		if got := len(d) > 0 || c.Done() || err != nil; got != ready && (ready || err == nil) {
			panic("ready does not foretell what Next does")
		}
		if err != nil {
			return data, "", "", err
		}
		data += string(d)
		window = window[used:]
		if len(d) > 0 || c.Done() {
			continue
		}
		n := min(piece, len(in))
		if n == 0 {
			return data, "", "incomplete", nil
		}
		window = append(window[:len(window):len(window)], in[:n]...)
		in = in[n:]
	}
	if c.Trailer != nil {
		trailer = string(c.Trailer.AppendHTTP1(nil))
	}
	return data, trailer, string(window) + in, nil
}

func TestChunks(t *testing.T) {
	for name, c := range map[string]struct{ in, data, trailer, rest, reason string }{
		"empty":              {in: "0\r\n\r\n"},
		"one":                {in: "5\r\nhello\r\n0\r\n\r\nNEXT", data: "hello", rest: "NEXT"},
		"two":                {in: "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", data: "hello0123456789"},
		"upper and lower":    {in: "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", data: "01234567890123456789"},
		"leading zeros":      {in: "0005\r\nhello\r\n000\r\n\r\n", data: "hello"},
		"extension":          {in: "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", data: "hello"},
		"trailer":            {in: "1\r\na\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nN", data: "a", trailer: "X-Sum: 1\r\nY: 2\r\n", rest: "N"},
		"CRLF in data":       {in: "4\r\n\r\n\r\n\r\n0\r\n\r\n", data: "\r\n\r\n"},
		"cut in data":        {in: "5\r\nhel", data: "hel", rest: "incomplete"},
		"cut in size":        {in: "5", rest: "incomplete"},
		"cut in trailer":     {in: "0\r\nA: b\r\n", rest: "incomplete"},
		"no size":            {in: "\r\nhello", reason: ReasonBadRequestBody},
		"0x":                 {in: "0x5\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"plus":               {in: "+5\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"minus":              {in: "-5\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"leading space":      {in: " 5\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"trailing space":     {in: "5 \r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"underscore":         {in: "1_0\r\n0123456789abcdef\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"overflow":           {in: "FFFFFFFFFFFFFFFFF\r\n", reason: ReasonBadRequestBody},
		"wrap to 5":          {in: "10000000000000005\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"bare LF after size": {in: "5\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"bare CR after size": {in: "5\rhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"bare LF in ext":     {in: "5;a\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"control in ext":     {in: "5;a\x00\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"long ext":           {in: "5;" + strings.Repeat("a", 64<<10) + "\r\nhello\r\n0\r\n\r\n", reason: ReasonBadRequestBody},
		"bare LF after data": {in: "5\r\nhello\n0\r\n\r\n", data: "hello", reason: ReasonBadRequestBody},
		"spill":              {in: "5\r\nhello!\r\n0\r\n\r\n", data: "hello", reason: ReasonBadRequestBody},
		"short":              {in: "6\r\nhello\r\n0\r\n\r\n", data: "hello\r", reason: ReasonBadRequestBody},
		"bare LF in trailer": {in: "0\r\nA: b\n\r\n", reason: ReasonBadRequestBody},
		"folded trailer":     {in: "0\r\nA: b\r\n c\r\n\r\n", reason: ReasonBadRequestBody},
		"trailer no colon":   {in: "0\r\nGET / HTTP/1.1\r\n\r\n", reason: ReasonBadRequestBody},
		"trailer framing":    {in: "0\r\nContent-Length: 5\r\n\r\n", reason: ReasonBadRequestBody},
		"trailer coding":     {in: "0\r\nTransfer-Encoding: chunked\r\n\r\n", reason: ReasonBadRequestBody},
		"trailer host":       {in: "0\r\nHost: b\r\n\r\n", reason: ReasonBadRequestBody},
		"large trailer":      {in: "0\r\nA: " + strings.Repeat("b", 70<<10) + "\r\n\r\n", reason: ReasonHeaderTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			pieces := []int{1, 2, 3, 7, len(c.in)}
			if len(c.in) > 1<<10 {
				pieces = []int{1000, len(c.in)}
			}
			for _, piece := range pieces {
				data, trailer, rest, err := readChunks(c.in, piece)
				if c.reason != "" {
					if err == nil || err.Reason != c.reason {
						t.Errorf("in pieces of %d: got %v, want %s", piece, err, c.reason)
					}
					if !strings.HasPrefix(c.data, data) {
						t.Errorf("in pieces of %d: got data %q, want at most %q", piece, data, c.data)
					}
					continue
				}
				if err != nil {
					t.Fatalf("in pieces of %d: %v", piece, err)
				}
				if data != c.data || trailer != c.trailer || rest != c.rest {
					t.Errorf("in pieces of %d: got %q, %q, %q; want %q, %q, %q", piece, data, trailer, rest, c.data, c.trailer, c.rest)
				}
			}
		})
	}
}
