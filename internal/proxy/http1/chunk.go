package http1

import (
	"bytes"

	"fsm/internal/proxy/message"
)

// ChunkReader takes a chunked body apart (RFC 9112, section 7.1), strictly:
// sizes are hexadecimal digits and nothing else, lines end in CRLF, chunk
// extensions are dropped and short.
type ChunkReader struct {
	state chunkState
	left  int64 // of the current chunk's data
	line  int   // bytes of the current size line
	// Trailer holds the trailer section after the end; nil if it was empty.
	Trailer *message.Header
	trailer message.Header
	errs    *chunkErrors
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
	chunkDone
)

type chunkErrors struct {
	size, line, end, trailer, trailerLarge *message.Reply
	fields                                 *fieldErrors
}

var (
	requestChunkErrors = chunkErrors{
		size: errChunkSize, line: errChunkLine, end: errChunkEnd, trailer: errTrailer, trailerLarge: errTrailerLarge,
		fields: &requestErrors,
	}
	responseChunkErrors = chunkErrors{
		size: errResponseChunk, line: errResponseChunk, end: errResponseChunk, trailer: errResponseTrailer,
		trailerLarge: errResponseTrailer, fields: &responseErrors,
	}
)

const (
	// maxChunkDigits is enough for sizes below 2^60.
	maxChunkDigits = 15
	// maxChunkLine bounds the size line, extensions included.
	maxChunkLine = 256
)

// Reset begins a new body, of a request or of a response.
func (c *ChunkReader) Reset(request bool) {
	c.state, c.left, c.line, c.Trailer = chunkSize, 0, 0, nil
	c.errs = &responseChunkErrors
	if request {
		c.errs = &requestChunkErrors
	}
}

// Done reports whether the body, trailer section included, was read.
func (c *ChunkReader) Done() bool { return c.state == chunkDone }

// Next takes apart the start of in. It returns the next piece of data, possibly
// empty, and how many bytes of in were used up to and including it. When data is
// empty and Done is false, more input is needed beyond in[used:].
func (c *ChunkReader) Next(in []byte, lim *Limits) (data []byte, used int, err *message.Reply) {
	i := 0
	for i < len(in) || c.state == chunkTrailer {
		switch c.state {
		case chunkSize, chunkExtension, chunkSizeLF:
			if err := c.sizeByte(in[i]); err != nil {
				return nil, i, err
			}
			i++
		case chunkData:
			n := int(min(c.left, int64(len(in)-i)))
			c.left -= int64(n)
			if c.left == 0 {
				c.state = chunkDataCR
			}
			return in[i : i+n], i + n, nil
		case chunkDataCR:
			if in[i] != '\r' {
				return nil, i, c.errs.end
			}
			c.state = chunkDataLF
			i++
		case chunkDataLF:
			if in[i] != '\n' {
				return nil, i, c.errs.end
			}
			c.state, c.line, c.left = chunkSize, 0, 0
			i++
		case chunkTrailer:
			n, err := c.readTrailer(in[i:], lim)
			return nil, i + n, err
		case chunkDone:
			return nil, i, nil
		}
	}
	return nil, i, nil
}

// sizeByte takes one byte of a size line.
func (c *ChunkReader) sizeByte(b byte) *message.Reply {
	if c.line++; c.line > maxChunkLine {
		return c.errs.line
	}
	switch c.state {
	case chunkSize:
		if d, ok := unhex(b); ok {
			if c.line > maxChunkDigits {
				return c.errs.size
			}
			c.left = c.left<<4 | int64(d)
			return nil
		}
		if c.line == 1 {
			return c.errs.size
		}
		switch b {
		case ';':
			c.state = chunkExtension
		case '\r':
			c.state = chunkSizeLF
		case '\n':
			return c.errs.line
		default:
			return c.errs.size
		}
	case chunkExtension:
		switch {
		case b == '\r':
			c.state = chunkSizeLF
		case b < 0x20 && b != '\t' || b == 0x7f:
			return c.errs.line
		}
	case chunkSizeLF:
		if b != '\n' {
			return c.errs.line
		}
		c.state = chunkData
		if c.left == 0 {
			c.state = chunkTrailer
		}
	}
	return nil
}

// readTrailer reads the trailer section from the start of in, which must hold
// all of it before anything is used.
func (c *ChunkReader) readTrailer(in []byte, lim *Limits) (int, *message.Reply) {
	f := framing{length: -1}
	c.trailer.Reset(in)
	n, err := parseFields(in, 0, &c.trailer, &f, lim, c.errs.fields)
	if err != nil {
		if err.Status == 431 {
			return 0, c.errs.trailerLarge
		}
		return 0, c.errs.trailer
	}
	if n == incomplete {
		if len(in) >= lim.Bytes {
			return 0, c.errs.trailerLarge
		}
		return 0, nil
	}
	if n > lim.Bytes {
		return 0, c.errs.trailerLarge
	}
	// Fields about framing and routing have no business here (RFC 9110, section
	// 6.5.1); parseFields has left them out of the list, except for Host.
	if f.hosts+f.lengths+f.codings > 0 {
		return 0, c.errs.trailer
	}
	c.state = chunkDone
	if c.trailer.Count() > 0 {
		c.Trailer = &c.trailer
	}
	return n, nil
}

// ready reports whether Next would deliver data, the end or an error from in
// alone.
func (c *ChunkReader) ready(in []byte) bool {
	switch c.state {
	case chunkDone:
		return true
	case chunkData:
		return len(in) > 0
	case chunkTrailer:
		return endsSection(in)
	}
	// Somewhere in a size line, or before one: look for its end and for what
	// follows, on a copy of the state.
	probe := ChunkReader{state: c.state, left: c.left, line: c.line, errs: c.errs}
	for i := range in {
		switch probe.state {
		case chunkData:
			return true
		case chunkTrailer:
			return endsSection(in[i:])
		case chunkDataCR, chunkDataLF:
			if in[i] != '\r' && in[i] != '\n' {
				return true
			}
			if probe.state++; probe.state > chunkDataLF {
				probe.state, probe.line, probe.left = chunkSize, 0, 0
			}
		default:
			if probe.sizeByte(in[i]) != nil {
				return true
			}
		}
	}
	return false
}

// endsSection reports whether a trailer section ends within b.
func endsSection(b []byte) bool {
	return len(b) >= 2 && b[0] == '\r' && b[1] == '\n' || bytes.Contains(b, []byte("\r\n\r\n"))
}
