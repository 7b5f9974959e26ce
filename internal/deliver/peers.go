package deliver

import (
	"net/http"

	"fsm/internal/identity"
)

// PathPeers is where replicas of the controller tell each other about proxies.
const PathPeers = "/v1/peers"

// peers lets only other replicas through.
func (s *Server) peers(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "a client certificate is missing", http.StatusUnauthorized)
		return
	}
	id, err := identity.IDOf(r.TLS.PeerCertificates[0])
	if err != nil || id.Role != identity.Controller {
		http.Error(w, "this is for controllers", http.StatusForbidden)
		return
	}
	s.Peers.ServeHTTP(w, r)
}
