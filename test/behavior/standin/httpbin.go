package standin

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// serverHeader is what the image kennethreitz/httpbin says that it runs on.
const serverHeader = "gunicorn/19.9.0"

// maxStream bounds /stream/N, whatever N.
const maxStream = 100

// hiddenHeaders are those that httpbin takes for the doing of proxies in front of
// it and does not show. X-Forwarded-Host is not among them.
var hiddenHeaders = []string{
	"Connect-Time", "Total-Route-Time", "Via", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
	"X-Forwarded-Protocol", "X-Forwarded-Ssl", "X-Heroku-Dynos-In-Use", "X-Heroku-Queue-Depth",
	"X-Heroku-Queue-Wait-Time", "X-Real-Ip", "X-Request-Id", "X-Request-Start", "X-Varnish",
}

// Httpbin answers /headers, /get, /status/N and /stream/N like
// kennethreitz/httpbin.
func Httpbin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /headers", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{"headers": shownHeaders(r)})
	})
	mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{"args": args(r), "headers": shownHeaders(r), "origin": origin(r), "url": url(r)})
	})
	mux.HandleFunc("/status/{code}", status)
	mux.HandleFunc("GET /stream/{n}", stream)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Server", serverHeader)
		h.Set("Access-Control-Allow-Origin", "*")
		if o := r.Header.Get("Origin"); o != "" {
			h.Set("Access-Control-Allow-Origin", o)
		}
		h.Set("Access-Control-Allow-Credentials", "true")
		mux.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	body := marshal(v, "  ")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// marshal panics for what is not JSON; everything here is made of strings.
func marshal(v any, indent string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		panic("standin: " + err.Error())
	}
	return b.Bytes()
}

func status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "Invalid status code", http.StatusBadRequest)
		return
	}
	// As if it made something of what is sent.
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
}

// stream writes lines of JSON, in the order of members and with the spaces that
// the original has.
func stream(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w)
	spaces := strings.NewReplacer(",\n", ", ", "\n", "")
	for i := range min(n, maxStream) {
		line := spaces.Replace(string(marshal(struct {
			URL     string            `json:"url"`
			Args    map[string]any    `json:"args"`
			Headers map[string]string `json:"headers"`
			Origin  string            `json:"origin"`
			ID      int               `json:"id"`
		}{url(r), args(r), shownHeaders(r), origin(r), i}, "")))
		_, _ = w.Write([]byte(line + "\n"))
		_ = flush.Flush()
	}
}

// shownHeaders are the request's headers the way a Python application sees them.
func shownHeaders(r *http.Request) map[string]string {
	shown := map[string]string{"Host": r.Host}
	for name, values := range r.Header {
		if name = title(name); !slices.Contains(hiddenHeaders, name) {
			shown[name] = strings.Join(values, ",")
		}
	}
	return shown
}

// title begins every run of letters with a capital, as Python's str.title does.
func title(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			inside = false
			return r
		}
		if inside {
			return unicode.ToLower(r)
		}
		inside = true
		return unicode.ToUpper(r)
	}, s)
}

func args(r *http.Request) map[string]any {
	args := map[string]any{}
	for name, values := range r.URL.Query() {
		if len(values) == 1 {
			args[name] = values[0]
		} else {
			args[name] = values
		}
	}
	return args
}

func origin(r *http.Request) string {
	if list := r.Header.Values("X-Forwarded-For"); len(list) > 0 {
		return strings.Join(list, ",")
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

func url(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" {
		scheme = proto
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}
