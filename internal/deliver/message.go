package deliver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"fsm/internal/ir"
)

// schema is the version of the protocol. What a reader may ignore does not change
// it.
const schema = 1

// Paths of the two requests.
const (
	pathStream       = "/v1/stream"
	pathCertificates = "/v1/certificates"
)

// Limits of lines, and of what a failure may say.
const (
	maxUpward   = 16 << 20 // hello
	maxAnswer   = 4 << 20  // and all that follows
	maxDownward = 64 << 20
	maxFailures = 1000
	maxText     = 1 << 10
)

// Beat is how often both ends send something.
const Beat = 4 * time.Second

// patience is how many beats may be missing.
const patience = 3

// upward is a line from a proxy; one member is set.
type upward struct {
	Hello  *hello  `json:"hello,omitempty"`
	Ack    *ir.Ack `json:"ack,omitempty"`
	Nack   *nack   `json:"nack,omitempty"`
	Report *Report `json:"report,omitempty"`
}

type hello struct {
	Schema   int                        `json:"schema"`
	Node     string                     `json:"node"`
	Build    string                     `json:"build,omitempty"`
	Filters  []string                   `json:"filters"`
	Interest []string                   `json:"interest"`
	Version  string                     `json:"version,omitempty"`
	Have     map[kind]map[string]string `json:"have,omitempty"`
}

type nack struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// Report is what a proxy says about itself.
type Report struct {
	// Ready is whether it has applied a snapshot and is not draining.
	Ready bool `json:"ready"`
	// Connections of clients that are open.
	Connections int `json:"connections"`
	// Figures by name.
	Figures map[string]float64 `json:"figures,omitempty"`
}

// FigureCertificateEnd is when the proxy's certificate ends, as a Unix time.
const FigureCertificateEnd = "certificate_not_after_seconds"

// downward is a line from the controller; one member is set.
type downward struct {
	Update *update   `json:"update,omitempty"`
	Put    *put      `json:"put,omitempty"`
	Drop   *drop     `json:"drop,omitempty"`
	Commit *commit   `json:"commit,omitempty"`
	Beat   *struct{} `json:"beat,omitempty"`
}

type update struct {
	Version string `json:"version"`
	Base    string `json:"base"`
}

type put struct {
	Kind kind            `json:"kind"`
	Name string          `json:"name"`
	Hash string          `json:"hash"`
	Body json.RawMessage `json:"body"`
}

type drop struct {
	Kind kind   `json:"kind"`
	Name string `json:"name"`
}

type commit struct {
	Version string `json:"version"`
}

// line marshals a message.
func line(message any) ([]byte, error) {
	data, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// lines reads messages.
type lines struct {
	r   *bufio.Reader
	max int
	buf bytes.Buffer
}

func newLines(r io.Reader, buffer, max int) *lines {
	return &lines{r: bufio.NewReaderSize(r, buffer), max: max}
}

// keepLine is how long a line may have been for its memory to be used again.
const keepLine = 64 << 10

// next reads one message. Members that are not known leave it empty, which is for
// the caller to refuse.
func (l *lines) next(message any) error {
	if l.buf.Cap() > keepLine {
		l.buf = bytes.Buffer{}
	}
	l.buf.Reset()
	for {
		part, err := l.r.ReadSlice('\n')
		if l.buf.Len()+len(part) > l.max {
			return fmt.Errorf("a line has more than %d bytes", l.max)
		}
		l.buf.Write(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == io.EOF && l.buf.Len() > 0 {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		break
	}
	if err := json.Unmarshal(l.buf.Bytes(), message); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	return nil
}
