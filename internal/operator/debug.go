package operator

import (
	"encoding/json"
	"net/http"
)

// debug tells people what this replica knows: the proxies that are connected to it,
// and its figures. They get there by a tunnel through the API server, because the listener is one of
// the pod's loopback interface.
func (c *controlPlane) debug() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /proxies", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.server.Proxies()) // an error is the connection's
	})
	mux.Handle("GET /metrics", c.metrics())
	return mux
}
