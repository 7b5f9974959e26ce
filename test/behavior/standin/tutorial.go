package standin

import (
	"io"
	"net/http"
)

// tutorialPage is what the sample application of the Ingress pages shows at its
// root.
const tutorialPage = `<!DOCTYPE html>
<html>
  <head>
    <title>Hi, Pipy!</title>
  </head>
  <body>
    <h1>Hi, Pipy!</h1>
    <p>This is a web page served from Pipy.</p>
  </body>
</html>
`

// responseFromPod is what instances of it say where there are several, before the rest of
// their names.
const responseFromPod = "Response from pod httpbin-5f69c44674-"

// Tutorial is the sample application of the Ingress pages.
func Tutorial() http.Handler {
	mux := http.NewServeMux()
	answer := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	mux.HandleFunc("/{$}", answer(http.StatusOK, "text/html", tutorialPage))
	mux.HandleFunc("/hi", answer(http.StatusOK, "text/plain", "Hi, there!\n"))
	mux.HandleFunc("/api/private", answer(http.StatusUnauthorized, "text/plain", "Staff only\n"))
	return mux
}
