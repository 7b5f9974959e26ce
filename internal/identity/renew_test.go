package identity_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

// TestRenewal: there is a new certificate with a new key each time that about half
// of the old one's life is over.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := identitytest.Open(t, &identitytest.Store{}, 24*time.Hour)
		var at []time.Time
		keys := map[string]bool{}
		r := identity.NewRenewer(identity.RenewerConfig{
			ID: gatewayID,
			Request: func(_ context.Context, request []byte) ([]byte, error) {
				at = append(at, time.Now())
				keys[publicKey(t, request)] = true
				return ca.Sign(request, gatewayID)
			},
			Failed: func(err error, _ time.Duration) { t.Error(err) },
		})
		if _, err := r.Certificate(); err == nil {
			t.Error("there is a certificate before it was asked for")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			<-r.Ready()
			for ctx.Err() == nil {
				c, err := r.Certificate()
				if err != nil || time.Until(c.Leaf.NotAfter) < 8*time.Hour {
					t.Errorf("%v before the end there is still the old one, %v", time.Until(c.Leaf.NotAfter), err)
				}
				time.Sleep(time.Hour)
			}
		})
		r.Run(ctx)
		wg.Wait()
		if len(at) < 30*24/15 || len(at) > 30*24/9 {
			t.Errorf("%d certificates in 30 days", len(at))
		}
		if len(keys) != len(at) {
			t.Errorf("%d keys for %d certificates", len(keys), len(at))
		}
		pauses := map[time.Duration]bool{}
		for i := range at[1:] {
			pause := at[i+1].Sub(at[i])
			pauses[pause.Round(time.Minute)] = true
			if pause < 9*time.Hour || pause > 15*time.Hour {
				t.Errorf("renewed after %v", pause)
			}
		}
		if len(pauses) < len(at)/2 {
			t.Errorf("the pauses are alike: %v", pauses)
		}
	})
}

// TestRetry: failures are tried again, less and less often, and what was good stays
// in use.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, other := identitytest.Open(t, &identitytest.Store{}, time.Hour), identitytest.Open(t, &identitytest.Store{}, time.Hour)
		answers := []func(request []byte) ([]byte, error){
			func([]byte) ([]byte, error) { return nil, errUnreachable },
			func([]byte) ([]byte, error) { return []byte("hello"), nil },
			func([]byte) ([]byte, error) { return other.Bundle(), nil }, // another key, another name
			func([]byte) ([]byte, error) { return nil, errUnreachable },
		}
		for range 6 {
			answers = append(answers, func([]byte) ([]byte, error) { return nil, errUnreachable })
		}
		var failures []error
		var pauses []time.Duration
		r := identity.NewRenewer(identity.RenewerConfig{
			ID: gatewayID,
			Request: func(_ context.Context, request []byte) ([]byte, error) {
				if len(failures) < len(answers) {
					return answers[len(failures)](request)
				}
				return ca.Sign(request, gatewayID)
			},
			Failed: func(err error, retry time.Duration) {
				failures = append(failures, err)
				pauses = append(pauses, retry)
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			r.Run(ctx)
			close(done)
		}()
		<-r.Ready()
		if len(failures) != len(answers) || !errors.Is(failures[0], errUnreachable) {
			t.Errorf("the failures are %v", failures)
		}
		longest := time.Second
		for i, p := range pauses {
			if p < longest/2 || p > longest {
				t.Errorf("pause %d is %v, want up to %v", i, p, longest)
			}
			longest = min(2*longest, time.Minute)
		}
		cancel()
		<-done
	})
}

func publicKey(t *testing.T, request []byte) string {
	t.Helper()
	block, _ := pem.Decode(request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return string(csr.RawSubjectPublicKeyInfo)
}
