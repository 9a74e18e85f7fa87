package main

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

const (
	// mostText bounds what one object holds of a log, and with it the memory, in bytes.
	mostText = 64 << 10
	// logBlock is how much is taken of what is written at a time.
	logBlock = 32 << 10
)

// logLine is a line of a log with its line break, or a part of one. A text that is not
// UTF-8 is in Bytes, which JSON has in base64.
type logLine struct {
	Stream string `json:"stream"`
	// Attempt is 0 for the first.
	Attempt int    `json:"attempt,omitempty"`
	Offset  int64  `json:"offset"`
	Text    string `json:"text,omitempty"`
	Bytes   []byte `json:"bytes,omitempty"`
}

// logLines writes a log as JSON Lines. What is no whole line yet waits for its rest, or
// for Close.
type logLines struct {
	out    io.Writer
	stream string
	// attempt counts from 1.
	attempt int
	// offset of the first byte of rest in the log.
	offset int64
	rest   []byte
}

// Write takes the next bytes of the log.
func (l *logLines) Write(p []byte) (int, error) {
	taken := 0
	for taken < len(p) {
		n := min(logBlock, len(p)-taken)
		l.rest = append(l.rest, p[taken:taken+n]...)
		taken += n
		if err := l.put(whole); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// Close writes what is left.
func (l *logLines) Close() error { return l.put(all) }

// put writes the parts of rest that cut finds, until it finds none.
func (l *logLines) put(cut func([]byte) int) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	left := l.rest
	for n := cut(left); n > 0; n = cut(left) {
		line := logLine{Stream: l.stream, Offset: l.offset}
		if l.attempt > 1 {
			line.Attempt = l.attempt
		}
		if part := left[:n]; utf8.Valid(part) {
			line.Text = string(part)
		} else {
			line.Bytes = part
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
		l.offset, left = l.offset+int64(n), left[n:]
	}
	l.rest = append(l.rest[:0], left...)
	_, err := l.out.Write(b.Bytes())
	return err
}

// whole is how much of a text makes the next object, 0 if too little of it is there.
func whole(text []byte) int {
	if at := bytes.IndexByte(text[:min(len(text), mostText)], '\n'); at >= 0 {
		return at + 1
	}
	if len(text) <= mostText {
		return 0
	}
	// No character of a text is cut in two.
	for n := mostText; n > mostText-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			return n
		}
	}
	return mostText
}

// all takes what whole leaves.
func all(text []byte) int {
	if n := whole(text); n > 0 {
		return n
	}
	return len(text)
}
