package filter_test

import (
	"errors"
	"io"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
)

// pieces is a body of unknown length.
type pieces struct {
	message.Body
	left []string
}

func (p *pieces) Next() ([]byte, error) {
	if len(p.left) == 0 {
		return nil, io.EOF
	}
	piece := p.left[0]
	p.left = p.left[1:]
	return []byte(piece), nil
}

func TestBodyLimit(t *testing.T) {
	f := compileOne(t, &ir.BodyLimit{Bytes: 8})
	refused := func(err error) bool {
		var reply *message.Reply
		return errors.As(err, &reply) && reply.Status == 413 && reply.Reason == filter.ReasonBodyTooLarge
	}
	for _, test := range []struct {
		length int64
		want   bool
	}{{message.NoBody, false}, {0, false}, {8, false}, {9, true}} {
		x := &message.Exchange{}
		x.Request.Length = test.length
		if err := f.Request(x); refused(err) != test.want {
			t.Errorf("length %d: got %v, want refused=%t", test.length, err, test.want)
		}
	}
	for _, test := range []struct {
		pieces []string
		want   bool
	}{{[]string{"12345678"}, false}, {[]string{"1234", "5678"}, false}, {[]string{"1234", "5678", "9"}, true}, {[]string{"123456789"}, true}} {
		x := &message.Exchange{}
		x.Request.Length, x.Request.Body = message.UnknownLength, &pieces{left: test.pieces}
		if err := f.Request(x); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil {
			_, err = x.Request.Body.Next()
		}
		if refused(err) != test.want {
			t.Errorf("pieces %q: got %v, want refused=%t", test.pieces, err, test.want)
		}
	}
}
