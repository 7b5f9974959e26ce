package proxy_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// flood is what a client that means harm has, and what is left afterwards.
type flood struct {
	*proxytest.H2
	t     *testing.T
	proxy *proxytest.Proxy
	gate  *gate
	heap  uint64
	cpu   time.Duration
	tasks int
}

// newFlood runs a proxy in front of a gate and connects to it.
func newFlood(t *testing.T, config proxytest.H2Config) *flood {
	t.Helper()
	f := &flood{t: t, gate: newGate(t)}
	f.proxy = proxytest.Start(t, proxy.Config{})
	f.proxy.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": f.gate.addr}))
	f.heap, f.cpu, f.tasks = heapInUse(), cpuTime(t), runtime.NumGoroutine()
	f.H2 = proxytest.DialH2(t, f.proxy.Addr(proxytest.HTTPListener), config)
	return f
}

// send writes the same bytes again and again, or until the connection is closed.
func (f *flood) send(times int, frames []byte) (sent int) {
	for sent = 0; sent < times; sent++ {
		if f.Raw(frames) != nil {
			break
		}
	}
	return sent
}

// closed asserts that the connection was closed for one of some codes, after so
// many streams at most, that it is counted, and that nothing is left behind.
func (f *flood) closed(maxStreams uint32, codes ...http2.ErrCode) {
	f.t.Helper()
	s := f.AwaitEnd()
	if n := len(s.GoAways); n != 1 || !slices.Contains(codes, s.GoAways[0].Code) {
		f.t.Fatalf("got %+v, %v, want %v", s.GoAways, s.Ended, codes)
	}
	if last := s.GoAways[0].Last; last > 2*maxStreams {
		f.t.Errorf("closed after %d streams, want %d at most", last/2, maxStreams)
	}
	f.bounded()
	reason := "http2_flood"
	if s.GoAways[0].Code != http2.ErrCodeEnhanceYourCalm {
		reason = "http2_protocol"
	}
	if n := f.proxy.Stats().Listener("Gateway default/gw listener http").Replies(reason); n != 1 {
		f.t.Errorf("counted %d times as %s", n, reason)
	}
	f.Close()
	proxytest.Eventually(f.t, "goroutines end", func() bool { return runtime.NumGoroutine() <= f.tasks+10 })
}

// bounded asserts that the flood cost no more than a flood may.
func (f *flood) bounded() {
	f.t.Helper()
	if n := f.gate.most.Load(); n > 100 {
		f.t.Errorf("%d requests were at the backend at once", n)
	}
	if used := cpuTime(f.t) - f.cpu; used > 5*time.Second {
		f.t.Errorf("took %v of processor time", used)
	}
	if now := heapInUse(); now > f.heap+64<<20 {
		f.t.Errorf("heap grew by %d KiB", (now-f.heap)>>10)
	}
}

// cpuTime is what this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// h2Frame is a frame as it is on the wire.
func h2Frame(kind http2.FrameType, flags http2.Flags, stream uint32, payload string) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), byte(kind), byte(flags)}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

const endAll = http2.FlagHeadersEndHeaders | http2.FlagHeadersEndStream

// streams sends n requests, each together with what follows it.
func (f *flood) streams(n int, flags http2.Flags, more func(id uint32) []byte) {
	block := string(f.Block(proxytest.H2Request("GET", "/wait")...)) // fills the table
	f.Write(func(w *http2.Framer) { _ = w.WriteRawFrame(http2.FrameHeaders, endAll, 1, []byte(block)) })
	block = string(f.Block(proxytest.H2Request("GET", "/wait")...))
	for first := 1; first <= n; first += 100 {
		var batch []byte
		for i := first; i < first+100; i++ {
			id := uint32(2*i + 1)
			batch = append(batch, h2Frame(http2.FrameHeaders, flags, id, block)...)
			batch = append(batch, more(id)...)
		}
		if f.Raw(batch) != nil {
			return
		}
	}
}

// TestH2RapidReset: a client that opens streams only to reset them is
// disconnected (CVE-2023-44487).
func TestH2RapidReset(t *testing.T) {
	f := newFlood(t, proxytest.H2Config{})
	f.streams(100_000, endAll, func(id uint32) []byte { return h2Frame(http2.FrameRSTStream, 0, id, "\x00\x00\x00\x08") })
	f.closed(1000, http2.ErrCodeEnhanceYourCalm)
}

// TestH2MadeYouReset: so is one that makes the proxy reset them (CVE-2025-8671).
func TestH2MadeYouReset(t *testing.T) {
	for name, c := range map[string]struct {
		flags http2.Flags
		more  func(id uint32) []byte
	}{
		"window enlarged by nothing": {endAll, func(id uint32) []byte { return h2Frame(http2.FrameWindowUpdate, 0, id, "\x00\x00\x00\x00") }},
		"window too large":           {endAll, func(id uint32) []byte { return h2Frame(http2.FrameWindowUpdate, 0, id, "\x7f\xff\xff\xff") }},
		"priority of wrong size":     {endAll, func(id uint32) []byte { return h2Frame(http2.FramePriority, 0, id, "\x00\x00\x00\x00") }},
		"priority on itself": {endAll, func(id uint32) []byte {
			return h2Frame(http2.FramePriority, 0, id, string(binary.BigEndian.AppendUint32(nil, id))+"\x00")
		}},
		"headers after the end": {endAll, func(id uint32) []byte { return h2Frame(http2.FrameHeaders, endAll, id, "\x82") }},
		"data after the end":    {endAll, func(id uint32) []byte { return h2Frame(http2.FrameData, 0, id, "x") }},
		"trailers with a path":  {http2.FlagHeadersEndHeaders, func(id uint32) []byte { return h2Frame(http2.FrameHeaders, endAll, id, "\x84") }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlood(t, proxytest.H2Config{})
			f.streams(10_000, c.flags, c.more)
			// A stream that had ended already makes it an error of the connection.
			f.closed(1000, http2.ErrCodeEnhanceYourCalm, http2.ErrCodeStreamClosed)
		})
	}
}

// TestH2MalformedFlood: requests that are refused cost something, too.
func TestH2MalformedFlood(t *testing.T) {
	f := newFlood(t, proxytest.H2Config{})
	var batch []byte
	for i := range uint32(10_000) {
		batch = append(batch, h2Frame(http2.FrameHeaders, endAll, 2*i+1, "\x82\x82")...) // :method twice
		if i%100 == 99 {
			if f.Raw(batch) != nil {
				break
			}
			batch = batch[:0]
		}
	}
	f.closed(3000, http2.ErrCodeEnhanceYourCalm)
}

// TestH2ContinuationFlood: a header block that does not end is not waited for
// (CVE-2023-45288).
func TestH2ContinuationFlood(t *testing.T) {
	for name, payload := range map[string]string{"empty": "", "small": "\x00\x01x\x01y", "large": strings.Repeat("\x00\x01x\x01y", 3000)} {
		t.Run(name, func(t *testing.T) {
			f := newFlood(t, proxytest.H2Config{Mute: true})
			f.send(1, h2Frame(http2.FrameHeaders, http2.FlagHeadersEndStream, 1, "\x82\x86\x84"))
			n := 10_000
			if payload != "" {
				n = max(n, 64<<20/len(payload)/100)
			}
			f.send(n, h2Frame(http2.FrameContinuation, 0, 1, payload))
			f.closed(1, http2.ErrCodeEnhanceYourCalm)
		})
	}
	// It takes no flood: what is over twice the limit is enough.
	f := newFlood(t, proxytest.H2Config{Mute: true})
	f.send(1, h2Frame(http2.FrameHeaders, http2.FlagHeadersEndStream, 1, "\x82\x86\x84"))
	f.send(8, h2Frame(http2.FrameContinuation, 0, 1, strings.Repeat("\x00\x01x\x01y", 3000)))
	f.closed(1, http2.ErrCodeEnhanceYourCalm)
}

// TestH2HeaderBomb: a header list that is small on the wire and large in memory
// takes no memory beyond the limit, in heads and in trailers, with streams that
// are held open by a window of nothing (CVE-2026-47774).
func TestH2HeaderBomb(t *testing.T) {
	for name, field := range map[string][2]string{"large field": {"x", strings.Repeat("v", 3900)}, "crumbs": {"cookie", "a=1"}, "large crumbs": {"cookie", strings.Repeat("v", 3900)}} {
		for _, trailers := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				f := newFlood(t, proxytest.H2Config{Deaf: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}}})
				f.Get(1, "/wait", field[0], field[1])
				bomb := string(f.Block(":method", "GET", ":scheme", "http", ":path", "/wait", ":authority", "a.example")) +
					strings.Repeat(string(f.Block(field[0], field[1])), 16_000)
				flags := endAll
				if trailers {
					f.Post(3, "/wait")
					bomb = strings.Repeat(string(f.Block(field[0], field[1])), 16_000)
				}
				if n := len(bomb); n > 16<<10 {
					t.Fatalf("bomb is of %d bytes", n)
				}
				sent := 0
				for i := range uint32(200) {
					sent++
					if f.Raw(h2Frame(http2.FrameHeaders, flags, 2*i+3, bomb)) != nil {
						break
					}
				}
				f.closed(200, http2.ErrCodeEnhanceYourCalm, http2.ErrCodeProtocol, http2.ErrCodeStreamClosed)
			})
		}
	}
}

// TestH2HeldHeaders: as much as one connection may hold of heads that are small on
// the wire is little: ten times that, and a megabyte for all.
func TestH2HeldHeaders(t *testing.T) {
	f := newFlood(t, proxytest.H2Config{Deaf: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}}})
	const size, fields = 3900, 16
	large := strings.Repeat("v", size)
	for i := range uint32(100) {
		f.Get(2*i+1, "/wait", slices.Repeat([]string{"x", large}, fields)...)
	}
	refused := 0
	f.Await("requests are refused", func(s *proxytest.H2State) bool {
		refused = 0
		for _, stream := range s.Streams {
			if stream.Reset && stream.Code == http2.ErrCodeEnhanceYourCalm {
				refused++
			}
		}
		return refused > 50 && refused+int(f.gate.now.Load()) == 100
	})
	if held := (100 - refused) * size * fields; held > 2<<20 {
		t.Errorf("%d bytes are held", held)
	}
	f.bounded()
	close(f.gate.open)
	f.Await("responses begin", func(s *proxytest.H2State) bool {
		n := 0
		for _, stream := range s.Streams {
			if stream.Status == "200" {
				n++
			}
		}
		return n == 100-refused
	})
	f.bounded()
}

// TestH2IdleWork: frames that carry nothing are bounded, each kind of them.
func TestH2IdleWork(t *testing.T) {
	setting := func(id http2.SettingID, v uint32) string {
		return string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, uint16(id)), v))
	}
	for name, frames := range map[string][]byte{
		"ping":                 h2Frame(http2.FramePing, 0, 0, "12345678"),
		"answers to pings":     h2Frame(http2.FramePing, http2.FlagPingAck, 0, "12345678"),
		"settings":             h2Frame(http2.FrameSettings, 0, 0, ""),
		"answers to settings":  h2Frame(http2.FrameSettings, http2.FlagSettingsAck, 0, ""),
		"many settings":        h2Frame(http2.FrameSettings, 0, 0, strings.Repeat(setting(http2.SettingInitialWindowSize, 100), 2000)),
		"flapping window":      append(h2Frame(http2.FrameSettings, 0, 0, setting(http2.SettingInitialWindowSize, 0)), h2Frame(http2.FrameSettings, 0, 0, setting(http2.SettingInitialWindowSize, 1<<31-1))...),
		"empty data":           h2Frame(http2.FrameData, 0, 1, ""),
		"padded empty data":    h2Frame(http2.FrameData, http2.FlagDataPadded, 1, "\x03\x00\x00\x00"),
		"priority":             h2Frame(http2.FramePriority, 0, 1, "\x00\x00\x00\x00\x10"),
		"priority of the idle": h2Frame(http2.FramePriority, 0, 1001, "\x00\x00\x00\x00\x10"),
		"window":               h2Frame(http2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x01"),
		"window of a stream":   h2Frame(http2.FrameWindowUpdate, 0, 1, "\x00\x00\x00\x01"),
		"window of the ended":  h2Frame(http2.FrameWindowUpdate, 0, 3, "\x00\x00\x00\x01"),
		"reset of the ended":   h2Frame(http2.FrameRSTStream, 0, 3, "\x00\x00\x00\x08"),
		"data of the reset":    h2Frame(http2.FrameData, http2.FlagDataEndStream, 5, ""),
		"headers of the reset": h2Frame(http2.FrameHeaders, endAll, 5, "\x82"),
		"unknown":              h2Frame(0xfa, 0, 0, "x"),
		"going away":           h2Frame(http2.FrameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlood(t, proxytest.H2Config{})
			f.Post(1, "/wait")
			f.Get(3, "/")
			f.Response(3)
			f.Get(5, "/", "X", "malformed")
			f.Response(5)
			for i := range uint32(90) {
				f.Get(7+2*i, "/wait") // they make changes of windows dear
			}
			batch := bytes.Repeat(frames, max(1, 4000/len(frames)))
			f.send(100_000*len(frames)/len(batch), batch)
			f.closed(1000, http2.ErrCodeEnhanceYourCalm)
		})
	}
}

// TestH2NoFlood: a busy client that does nothing wrong is not taken for a flood.
func TestH2NoFlood(t *testing.T) {
	f := newFlood(t, proxytest.H2Config{})
	for i := range uint32(2200) {
		f.Get(2*i+1, "/")
		if i%50 == 0 {
			f.Write(func(w *http2.Framer) { _ = w.WritePing(false, [8]byte{}) })
			f.Write(func(w *http2.Framer) { _ = w.WritePriority(2*i+1, http2.PriorityParam{Weight: 5}) })
		}
		if r := f.Response(2*i + 1); r.Status != "200" {
			t.Fatalf("request %d: got %+v", i, r)
		}
	}
}
