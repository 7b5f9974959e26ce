package standin

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// says is a Pipy that answers every request with the same words, as the Pods of the
// pages on sessions, health checks and load balancing do.
func says(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client is gone
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	})
}

// fortioEcho is fortio's /echo: it answers with the body of the request and, where the
// parameter status is "503:10", for ten of a hundred requests with that status.
func fortioEcho() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		w.WriteHeader(fortioStatus(r.FormValue("status"), rand.Float64()*100))
		_, _ = w.Write(body)
	})
	return mux
}

// fortioStatus reads the parameter, with a number below 100 that decides.
func fortioStatus(parameter string, draw float64) int {
	code, share, limited := strings.Cut(parameter, ":")
	status, err := strconv.Atoi(code)
	if err != nil || status < 200 || status > 599 {
		return http.StatusOK
	}
	percent, err := strconv.ParseFloat(share, 64)
	if limited && (err != nil || draw >= percent) {
		return http.StatusOK
	}
	return status
}

// serveSecure serves with the certificate that the pages on TLS towards backends make.
func (r *Running) serveSecure(addr string, h http.Handler, c Config) error {
	pair, err := tls.LoadX509KeyPair(cmp.Or(c.PodCertificate, "server-cert.pem"), cmp.Or(c.PodKey, "server-key.pem"))
	if err != nil {
		return fmt.Errorf("read the certificate that the page makes: %w", err)
	}
	return r.serveHTTP(addr, h, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
}
