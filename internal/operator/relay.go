package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/leader"
)

// relay tells the leader what proxies answer that are connected to this replica, so
// that statuses do not depend on which replica a proxy happened to reach. What it
// tells is always everything, so nothing can get lost; the leader forgets it when it
// is not repeated.
type relay struct {
	fleet     *fleet
	candidate *leader.Candidate
	client    *http.Client
	// replica is the name of this one.
	replica string
	log     *slog.Logger
}

const (
	// relayPause is the time between two messages, and relayBeat the longest.
	relayPause = 100 * time.Millisecond
	relayBeat  = 2 * time.Second
	// relayPatience is how long a replica counts of which nothing is heard.
	relayPatience = 4 * relayBeat
	relayTimeout  = 5 * time.Second
	mostRelayed   = 16 << 20
)

// message is what a replica tells.
type message struct {
	Replica string    `json:"replica"`
	Proxies []proxyOf `json:"proxies"`
}

type proxyOf struct {
	Namespace string `json:"namespace"`
	Gateway   string `json:"gateway"`
	Node      string `json:"node"`
	proxyState
}

func newRelay(c *controlPlane, own identity.Side) *relay {
	own.Accept = identity.Has(c.TrustDomain, identity.Controller)
	transport := &http.Transport{TLSClientConfig: identity.ClientTLS(own), Protocols: new(http.Protocols), TLSHandshakeTimeout: relayTimeout}
	transport.Protocols.SetHTTP2(true)
	return &relay{
		fleet: c.fleet, candidate: c.candidate, replica: c.Pod, log: c.Log,
		client: &http.Client{Transport: transport, Timeout: relayTimeout},
	}
}

// run tells whoever leads, until the context ends.
func (r *relay) run(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	beat := time.NewTicker(relayBeat)
	defer beat.Stop()
	var failing bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			r.fleet.forget(relayPatience)
		case <-r.fleet.news:
		}
		name, address := r.candidate.Leader()
		if name == r.replica || address == "" {
			continue
		}
		err := r.tell(ctx, address)
		if err != nil && ctx.Err() == nil && !failing {
			r.log.Warn("cannot tell the leader about proxies, trying again", "leader", name, "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(relayPause):
		}
	}
}

// tell sends everything to a replica.
func (r *relay) tell(ctx context.Context, address string) error {
	m := message{Replica: r.replica}
	for key, byNode := range r.fleet.copied() {
		for node, p := range byNode {
			m.Proxies = append(m.Proxies, proxyOf{key.Namespace, key.Name, node, *p})
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode proxies: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+deliver.PathPeers, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	res, err := r.client.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(text)))
	}
	return nil
}

// ServeHTTP takes in what another replica tells. Whether this one leads does not
// matter: it may soon.
func (f *fleet) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var m message
	if err := json.NewDecoder(http.MaxBytesReader(w, q.Body, mostRelayed)).Decode(&m); err != nil {
		http.Error(w, fmt.Sprintf("read proxies: %v", err), http.StatusBadRequest)
		return
	}
	there := proxies{}
	for _, p := range m.Proxies {
		key, _ := gatewayOf(identity.ID{Namespace: p.Namespace, Name: p.Gateway})
		*there.at(key, p.Node) = p.proxyState
	}
	f.told(m.Replica, there)
	w.WriteHeader(http.StatusNoContent)
}
