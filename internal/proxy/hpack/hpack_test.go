package hpack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	oracle "golang.org/x/net/http2/hpack"

	"fsm/internal/proxy/message"
)

// decode decodes a block to lines, in memory that is poisoned afterwards as a
// buffer that was given back would be.
func decode(d *Decoder, block []byte) (lines []string, err error) {
	memory := make([]byte, 0, 64)
	var fields []Field
	for d.Begin(block); d.More(); {
		f, ok, err := d.Next(&memory)
		if err != nil {
			return nil, err
		}
		if ok {
			fields = append(fields, f)
		}
	}
	for _, f := range fields {
		lines = append(lines, string(f.Name)+": "+string(f.Value))
	}
	return lines, nil
}

// TestExamples are the request examples with Huffman coding of RFC 7541, appendix
// C.4, and the response examples of C.6, whose table is 256 bytes.
func TestExamples(t *testing.T) {
	for name, c := range map[string]struct {
		limit  int
		blocks [][2]string
	}{
		"requests": {4096, [][2]string{
			{"828684418cf1e3c2e5f23a6ba0ab90f4ff", ":method: GET|:scheme: http|:path: /|:authority: www.example.com"},
			{"828684be5886a8eb10649cbf", ":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache"},
			{"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value"},
		}},
		"responses": {256, [][2]string{
			{"488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
				":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com"},
			{"4883640effc1c0bf", ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com"},
			{"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
				":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|content-encoding: gzip|set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder(c.limit)
			for i, b := range c.blocks {
				block, _ := hex.DecodeString(b[0])
				lines, err := decode(&d, block)
				if got := strings.Join(lines, "|"); err != nil || got != b[1] {
					t.Errorf("block %d: %s, %v\nwant %s", i, got, err, b[1])
				}
			}
		})
	}
}

// TestMalformed: what the two ends could understand differently is refused.
func TestMalformed(t *testing.T) {
	for name, block := range map[string]string{
		"index 0":                   "80",
		"index beyond the table":    "be",
		"name beyond the table":     "7e0161",
		"cut integer":               "ff",
		"huge integer":              "ffffffffff7f",
		"integer of many bytes":     "ff80808080808000",
		"cut string":                "400361",
		"string longer than block":  "4001617f61",
		"no value":                  "400161",
		"end-of-string symbol":      "4084ffffffff0161",
		"padding of 8 bits":         "4082ffff0161",
		"padding of zeros":          "408118" + "0161",
		"table larger than allowed": "3fe21f",
		"table resized late":        "8220",
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := hex.DecodeString(block)
			if err != nil {
				t.Fatal(err)
			}
			d := NewDecoder(4096)
			if lines, err := decode(&d, raw); !errors.Is(err, ErrMalformed) {
				t.Errorf("decoded to %q, %v", lines, err)
			}
		})
	}
}

// TestHuffman: each symbol, and random strings, decode to what was encoded.
func TestHuffman(t *testing.T) {
	check := func(s string) {
		t.Helper()
		if got, ok := appendDecoded(nil, oracle.AppendHuffmanString(nil, s)); !ok || string(got) != s {
			t.Errorf("%q became %q, %v", s, got, ok)
		}
	}
	for c := range 256 {
		check(string([]byte{byte(c)}))
		check(strings.Repeat(string([]byte{byte(c)}), 9))
	}
	for n := range 300 {
		s := make([]byte, n)
		for i := range s {
			s[i] = byte(rand.N(256))
		}
		check(string(s))
	}
}

// randomField makes fields of which some repeat.
func randomField() oracle.HeaderField {
	names := []string{"x-a", "x-b", "user-agent", "cookie", "content-type", "via", ":path", ":status", "x-long-" + strings.Repeat("n", 300)}
	return oracle.HeaderField{
		Name: names[rand.N(len(names))], Value: strings.Repeat(string(rune('a'+rand.N(26))), rand.N(80)), Sensitive: rand.N(5) == 0,
	}
}

// TestAgainstOracle: over many blocks of one connection, with the table resized
// now and then, the decoder understands what another implementation's encoder
// means.
func TestAgainstOracle(t *testing.T) {
	for range 30 {
		var out bytes.Buffer
		e := oracle.NewEncoder(&out)
		d := NewDecoder(4096)
		for range 200 {
			if rand.N(20) == 0 {
				e.SetMaxDynamicTableSize(uint32(rand.N(4096)))
			}
			var want []string
			out.Reset()
			for range rand.N(12) {
				f := randomField()
				if err := e.WriteField(f); err != nil {
					t.Fatal(err)
				}
				want = append(want, f.Name+": "+f.Value)
			}
			got, err := decode(&d, out.Bytes())
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("got %q, %v\nwant %q", got, err, want)
			}
		}
	}
}

// TestEncoder: another implementation's decoder understands what the encoder
// means, and sees names in lower case and secrets marked.
func TestEncoder(t *testing.T) {
	b := AppendStart(nil)
	b = AppendMethod(b, []byte("GET"))
	b = AppendMethod(b, []byte("PATCH"))
	b = AppendScheme(b, true)
	b = AppendScheme(b, false)
	b = AppendAuthority(b, []byte("a.example"))
	b = AppendPath(b, []byte("/"), nil)
	b = AppendPath(b, []byte("/a"), nil)
	b = AppendPath(b, []byte("/a"), []byte{})
	b = AppendPath(b, []byte("/"), []byte(strings.Repeat("q", 400)))
	for _, status := range []int{200, 204, 206, 304, 400, 404, 500, 503, 100} {
		b = AppendStatus(b, status)
	}
	for _, f := range [][2]string{
		{"Authorization", "secret"}, {"User-Agent", "me"}, {"Accept-Language", "de"}, {"X-Custom", "1"}, {"ETag", ""},
		{"Set-Cookie", "a=b"}, {"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-Banana", "2"},
	} {
		b = AppendField(b, message.Lookup([]byte(f[0])), []byte(f[0]), []byte(f[1]))
	}
	fields, err := oracle.NewDecoder(4096, nil).DecodeFull(b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range fields {
		got = append(got, fmt.Sprintf("%s=%.12s %v", f.Name, f.Value, f.Sensitive))
	}
	want := []string{
		":method=GET false", ":method=PATCH false", ":scheme=https false", ":scheme=http false", ":authority=a.example false",
		":path=/ false", ":path=/a false", ":path=/a? false", ":path=/?qqqqqqqqqq false",
		":status=200 false", ":status=204 false", ":status=206 false", ":status=304 false", ":status=400 false", ":status=404 false",
		":status=500 false", ":status=503 false", ":status=100 false",
		"authorization=secret true", "user-agent=me false", "accept-language=de false", "x-custom=1 false", "etag= false",
		"set-cookie=a=b true", "x-forwarded-for=192.0.2.1 false", "x-forwarded-banana=2 false",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// FuzzDecode: whatever comes, decoder and oracle agree about what is malformed
// and, where it is not, about what it means.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"828684418cf1e3c2e5f23a6ba0ab90f4ff", "3fe11f828684be", "400161" + "0162be", "20824001610162", "0f0d03616263"} {
		b, _ := hex.DecodeString(s)
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d := NewDecoder(4096)
		o := oracle.NewDecoder(4096, nil)
		for _, block := range [][]byte{first, second} {
			got, err := decode(&d, block)
			fields, oracleErr := o.DecodeFull(block)
			if (err != nil) != (oracleErr != nil) {
				if errors.Is(err, errLateResize) || oracleErr != nil && strings.Contains(oracleErr.Error(), "dynamic table size update") {
					return // the oracle is both stricter and laxer about these
				}
				t.Fatalf("decoder says %v, oracle %v", err, oracleErr)
			}
			if err != nil {
				return
			}
			var want []string
			for _, f := range fields {
				want = append(want, f.Name+": "+f.Value)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var out bytes.Buffer
	e := oracle.NewEncoder(&out)
	for _, f := range [][2]string{
		{":method", "GET"}, {":scheme", "http"}, {":path", "/route-42/index.html?a=b"}, {":authority", "foo.example.com"},
		{"user-agent", "h2load nghttp2/1.52.0"}, {"accept", "*/*"}, {"x-request-id", "4c1b2f4e-0d6b-4a5e-9a49-3f1d1b8f1f5e"},
	} {
		_ = e.WriteField(oracle.HeaderField{Name: f[0], Value: f[1]})
	}
	block := bytes.Clone(out.Bytes())
	d := NewDecoder(4096)
	memory := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		memory = memory[:0]
		for d.Begin(block); d.More(); {
			if _, _, err := d.Next(&memory); err != nil {
				b.Fatal(err)
			}
		}
	}
}
