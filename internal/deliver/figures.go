package deliver

import "sync/atomic"

// Figures count what a Server did since it was made.
type Figures struct {
	// Updates were sent, and Bytes are the size of all that was sent on streams.
	Updates, Bytes atomic.Uint64
	// Acknowledged and Rejected are the answers to updates.
	Acknowledged, Rejected atomic.Uint64
	// Certificates were issued. Requests for some failed because of the Token, because
	// of what the Request asked for, or for a reason that is not the proxy's.
	Certificates CertificateFigures
}

// CertificateFigures count requests for certificates by what came of them.
type CertificateFigures struct {
	Issued, Token, Request, Failed atomic.Uint64
}

// sent counts what is written to streams.
func (f *Figures) sent(n int) {
	if n > 0 {
		f.Bytes.Add(uint64(n))
	}
}
