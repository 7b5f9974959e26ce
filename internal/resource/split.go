package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Document is one document of a YAML stream, or one value of a JSON stream. It
// is cut out of the stream without being parsed, so that a mistake in one
// document cannot hide the others, and so that whoever reads a stream again can
// tell by its text which document is still the same.
type Document struct {
	// Line is where the text begins in the stream, counted from 1. Blank lines and
	// comments in front of a document belong to no document.
	Line int
	Text []byte
}

// Split cuts a stream into documents. Documents without content are left out.
func Split(data []byte) []Document {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var documents []Document
	// Where the current document begins, and what it has so far.
	begin, beginLine, has := 0, 1, nothing
	cut := func(end int) {
		d := Document{Line: beginLine, Text: data[begin:end]}
		documents = append(documents, d.values()...)
	}
	for at, line := 0, 1; at < len(data); line++ {
		text := firstLine(data[at:])
		next := at + len(text)
		switch {
		case isMarker(text, "..."):
			cut(at)
			begin, beginLine, has = next, line+1, nothing
		case isMarker(text, "---") && has != directives:
			cut(at)
			begin, beginLine, has = at, line, content
		case isMarker(text, "---"):
			has = content // the marker stands between directives and their document
		case has == nothing && text[0] == '%':
			has = directives
		case has == nothing && !isBlank(text):
			has = content
		}
		at = next
	}
	cut(len(data))
	return documents
}

// progress is what a document has so far.
type progress int

const (
	nothing progress = iota
	directives
	content
)

// firstLine is the first line of a text with its end.
func firstLine(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1]
	}
	return text
}

// isBlank reports whether a line has nothing but a comment.
func isBlank(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}

// isMarker reports whether a line is a document marker, which must stand at the
// very beginning of a line and be followed by white space (YAML 1.2, section 9.1.2).
func isMarker(line []byte, marker string) bool {
	after, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(after) == 0 || bytes.IndexByte([]byte(" \t\r\n"), after[0]) >= 0)
}

// trim drops what stands before the content: blank lines, comments and a bare
// "---". Line ends behind it stay, since they may belong to a block scalar.
func (d Document) trim() Document {
	for len(d.Text) > 0 {
		line := firstLine(d.Text)
		if !isBlank(line) && string(bytes.TrimRight(line, " \t\r\n")) != "---" {
			break
		}
		d.Text = d.Text[len(line):]
		d.Line++
	}
	return d
}

// values cuts JSON values that follow each other without a marker, as tools print
// them. Text that is not JSON all through stays one document.
func (d Document) values() []Document {
	d = d.trim()
	if len(d.Text) == 0 {
		return nil
	}
	if !looksLikeJSON(d.Text) {
		return []Document{d}
	}
	var values []Document
	decoder := json.NewDecoder(bytes.NewReader(d.Text))
	for line := d.Line; ; {
		start := int(decoder.InputOffset())
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			return []Document{d}
		}
		text := d.Text[start:decoder.InputOffset()]
		value = bytes.TrimLeft(text, " \t\r\n")
		line += bytes.Count(text[:len(text)-len(value)], []byte("\n"))
		values = append(values, Document{Line: line, Text: value})
		line += bytes.Count(value, []byte("\n"))
	}
}

// looksLikeJSON tells JSON from block YAML; flow YAML looks like JSON too and has
// to be tried.
func looksLikeJSON(text []byte) bool { return len(text) > 0 && text[0] == '{' }
