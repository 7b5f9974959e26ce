package standin

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// serveNames is a name server that knows where httpbin.org is. Other names do
// not exist.
func (r *Running) serveNames(addr, host string) error {
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Is4() {
		return fmt.Errorf("%q is not an IPv4 address", host)
	}
	return r.servePackets(addr, func(query []byte) []byte {
		reply, err := answer(query, siteName+".", ip)
		if err != nil {
			return nil // what is no query gets no answer
		}
		return reply
	})
}

// answer makes the reply to a query of one question (RFC 1035, section 4.1).
func answer(query []byte, name string, ip netip.Addr) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := p.Question()
	if err != nil {
		return nil, err
	}
	known := strings.EqualFold(question.Name.String(), name)
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired},
		Questions: []dnsmessage.Question{question},
	}
	switch {
	case !known:
		reply.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.AResource{A: ip.As4()},
		}}
	}
	return reply.Pack()
}
