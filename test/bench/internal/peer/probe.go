package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"fsm/test/bench/internal/load"
)

// probe finds out whether a server serves.
func probe(t load.Target, site Site) func(context.Context) error {
	switch {
	case site.Protocol == TCP:
		return accepts(t)
	case site.Calls:
		return answersCall(t)
	case site.Protocol.Multiplexed():
		return answersH2(t)
	default:
		return answers(t)
	}
}

// answers asks for the first route.
func answers(t load.Target) func(context.Context) error {
	return func(ctx context.Context) error {
		h, err := load.Hold(ctx, t, 1, load.HTTP(load.Requests(1, load.Small)))
		h.Release()
		return err
	}
}

// answersH2 asks for the first route over HTTP/2.
func answersH2(t load.Target) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL()+load.Path(0, load.Small), nil)
		if err != nil {
			return err
		}
		_, err = exchangeH2(t, r)
		return err
	}
}

// answersCall calls the first service, and looks whether all of the answer comes:
// h2load does not care about trailers.
func answersCall(t load.Target) func(context.Context) error {
	return func(ctx context.Context) error {
		message := bytes.NewReader(load.Message(load.Small.Size()))
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL()+load.MethodPath(0), message)
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		trailer, err := exchangeH2(t, r)
		if err == nil && trailer.Get("Grpc-Status") != "0" {
			err = fmt.Errorf("the answer's trailers were %v", trailer)
		}
		return err
	}
}

// exchangeH2 sends a request on a connection of its own, and takes in the answer.
func exchangeH2(t load.Target, r *http.Request) (trailer http.Header, err error) {
	transport := &http.Transport{TLSClientConfig: t.TLS, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP2(true)
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer was %s", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.Trailer, err
}

// accepts connects.
func accepts(t load.Target) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := t.Dial(ctx)
		if err != nil {
			return err
		}
		return c.Close()
	}
}
