package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// Side is one end of a connection.
type Side struct {
	// Certificate is the own one, asked for each connection. A client may have
	// none.
	Certificate func() (*tls.Certificate, error)
	Trust       Trust
	// Accept judges the other end by its verified name.
	Accept func(peer ID) error
}

// Has accepts peers of one role in a trust domain.
func Has(trustDomain string, role Role) func(ID) error {
	return func(peer ID) error {
		if peer.TrustDomain != trustDomain || peer.Role != role {
			return fmt.Errorf("peer is %s, want a %s of %s", peer, role, trustDomain)
		}
		return nil
	}
}

// In accepts peers of a trust domain.
func In(trustDomain string) func(ID) error {
	return func(peer ID) error {
		if peer.TrustDomain != trustDomain {
			return fmt.Errorf("peer is %s, want one of %s", peer, trustDomain)
		}
		return nil
	}
}

// ClientTLS makes the configuration of a client. The server is known by its
// identity; the host name that was dialled does not matter.
func ClientTLS(s Side) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if s.Certificate == nil {
				return &tls.Certificate{}, nil
			}
			return s.Certificate()
		},
		// VerifyConnection does what is skipped, with names in place of hosts.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return s.verify(state.PeerCertificates, x509.ExtKeyUsageServerAuth)
		},
	}
}

// ServerTLS makes the configuration of a server. Clients may come without a
// certificate, to ask for one; what they may do then is not decided here. A
// certificate that they do show must be good.
func ServerTLS(s Side) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.Certificate()
		},
		ClientAuth: tls.RequestClientCert,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil
			}
			return s.verify(state.PeerCertificates, x509.ExtKeyUsageClientAuth)
		},
	}
}

func (s Side) verify(chain []*x509.Certificate, usage x509.ExtKeyUsage) error {
	roots, err := s.Trust()
	if err != nil {
		return err
	}
	peer, err := roots.Verify(chain, usage)
	if err != nil {
		return fmt.Errorf("verify peer: %w", err)
	}
	if err := s.Accept(peer); err != nil {
		return fmt.Errorf("verify peer: %w", err)
	}
	return nil
}
