package filter

import (
	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

type mirror struct {
	config ir.Mirror
	env    *Env
}

// Request implements Filter.
func (f *mirror) Request(x *message.Exchange) error {
	if f.config.Numerator >= f.config.Denominator || f.env.Random(f.config.Denominator) < f.config.Numerator {
		f.env.Dispatch(x, f.config.Backend)
	}
	return nil
}

// Response implements Filter.
func (f *mirror) Response(*message.Exchange) {}
