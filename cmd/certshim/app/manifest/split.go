package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// chunk is the text between two document markers, the first of which belongs to it.
type chunk struct {
	// line of the first byte, counted from 1.
	line int
	text []byte
	// cut is true when the text went over the limit and its rest was dropped.
	cut bool
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// splitter cuts a stream at its document markers, "---" and "...".
type splitter struct {
	lines *bufio.Reader
	limit int

	current chunk
	line    int
	inLine  bool // the last part did not end its line
	ended   bool // the last line was "..."
	err     error
}

func newSplitter(r io.Reader, limit int) *splitter {
	const buffer = 64 << 10
	return &splitter{lines: bufio.NewReaderSize(r, buffer), limit: limit, current: chunk{line: 1}}
}

// next gives the next chunk, then io.EOF or what reading failed with.
func (s *splitter) next() (chunk, error) {
	for s.err == nil {
		part, err := s.lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			s.err = err
		}
		if finished := s.take(part); len(finished.text) > 0 {
			return finished, nil
		}
	}
	if last := s.current; len(last.text) > 0 {
		s.current = chunk{}
		return last, nil
	}
	return chunk{}, s.err
}

// take adds a line, or a part of a long one, and gives the chunk that ends before it.
func (s *splitter) take(part []byte) chunk {
	var finished chunk
	if !s.inLine {
		s.line++
		// Files joined by cat have the mark in the middle.
		part = bytes.TrimPrefix(part, byteOrderMark)
		if s.ended || isMarker(part, "---") {
			finished = s.current
			s.current = chunk{line: s.line}
		}
		s.ended = isMarker(part, "...")
	}
	s.inLine = len(part) > 0 && part[len(part)-1] != '\n'
	room := max(0, s.limit-len(s.current.text))
	s.current.cut = s.current.cut || len(part) > room
	s.current.text = append(s.current.text, part[:min(room, len(part))]...)
	return finished
}

// isMarker says whether the line begins with the marker, alone or before white space.
func isMarker(line []byte, marker string) bool {
	rest, found := bytes.CutPrefix(line, []byte(marker))
	return found && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// skipBlank gives the chunk from its first line with content on: without the marker,
// comments, directives and empty lines above it. Text is empty if there is none.
func (c chunk) skipBlank() chunk {
	for len(c.text) > 0 {
		line, rest, more := bytes.Cut(c.text, []byte("\n"))
		if !isBlank(line) {
			return c
		}
		c.text = rest
		if more {
			c.line++
		}
	}
	return c
}

func isBlank(line []byte) bool {
	for _, marker := range []string{"---", "..."} {
		if isMarker(line, marker) {
			line = line[len(marker):]
		}
	}
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#' || line[0] == '%'
}
