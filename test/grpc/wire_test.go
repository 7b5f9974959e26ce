package grpctest

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of messages of connectrpc.conformance.v1. Their Go types are internal to
// the suite's module.
const (
	// ServerCompatRequest
	requestUseTLS      = 4
	requestClientCert  = 5
	requestServerCreds = 7
	// ServerCompatResponse
	responseHost        = 1
	responsePort        = 2
	responseCertificate = 3
	// TLSCreds
	credentialsCert = 1
	credentialsKey  = 2
	// ClientCompatRequest
	callHost       = 6
	callPort       = 7
	callServerCert = 8
)

// maxMessage is more than any of these messages has. Cases send large messages.
const maxMessage = 16 << 20

// field is a field of a protobuf message, of the two types that are in these.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	bytes  []byte
}

func number(n protowire.Number, v uint64) field { return field{n, protowire.VarintType, v, nil} }
func text(n protowire.Number, v []byte) field   { return field{n, protowire.BytesType, 0, v} }

// message is a protobuf message without its schema.
type message []field

func parseMessage(b []byte) (message, error) {
	var m message
	for len(b) > 0 {
		f := field{}
		var n int
		if f.number, f.kind, n = protowire.ConsumeTag(b); n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		switch f.kind {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			return nil, fmt.Errorf("field %d is of wire type %d", f.number, f.kind)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		m, b = append(m, f), b[n:]
	}
	return m, nil
}

func (m message) number(n protowire.Number) (v uint64) {
	for _, f := range m {
		if f.number == n {
			v = f.varint
		}
	}
	return v
}

func (m message) bytes(n protowire.Number) (v []byte) {
	for _, f := range m {
		if f.number == n {
			v = f.bytes
		}
	}
	return v
}

func (m message) without(n protowire.Number) (rest message) {
	for _, f := range m {
		if f.number != n {
			rest = append(rest, f)
		}
	}
	return rest
}

// with replaces the value of a field.
func (m message) with(f field) message { return append(m.without(f.number), f) }

func (m message) marshal() (b []byte) {
	for _, f := range m {
		b = protowire.AppendTag(b, f.number, f.kind)
		if f.kind == protowire.VarintType {
			b = protowire.AppendVarint(b, f.varint)
		} else {
			b = protowire.AppendBytes(b, f.bytes)
		}
	}
	return b
}

// readDelimited reads a message with its length before it, four bytes of it.
func readDelimited(r io.Reader) (message, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxMessage {
		return nil, fmt.Errorf("message of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	return parseMessage(b)
}

func writeDelimited(w io.Writer, m message) error {
	b := m.marshal()
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}
