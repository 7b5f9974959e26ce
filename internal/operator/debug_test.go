package operator

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"fsm/internal/deliver"
)

// TestDebug: who asks for the proxies gets a list, and nothing can be changed.
func TestDebug(t *testing.T) {
	s := httptest.NewServer((&controlPlane{translations: translations(), server: deliver.NewServer(deliver.ServerConfig{})}).debug())
	defer s.Close()
	for _, test := range []struct {
		method, path string
		want         int
	}{{"GET", "/proxies", 200}, {"POST", "/proxies", 405}, {"GET", "/other", 404}} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, s.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s %s: status %d, want %d", test.method, test.path, response.StatusCode, test.want)
		}
	}
}
