package parts

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Header says what becomes of a first line that the parts of an output repeat,
// as Spark writes with option("header", true).
//
// A line is a CSV record: a newline in a quoted field doesn't end it. A line of
// more than 64 KiB, or with control characters, is no header, and compressed
// parts have none. Lines are compared without a byte order mark before them and
// without their line end. A single non-empty part is kept as it is.
//
// A dropped header's line end stays if what came before it has none, so that two
// rows never become one.
type Header string

const (
	// HeaderAuto drops the first line of the later parts of a CSV output if every
	// part that isn't empty begins with the same line and that line looks like a
	// header: its fields are distinct, not empty, no numbers, dates or booleans;
	// and it doesn't come again in the first 64 KiB of a part, as a row of data
	// would. In doubt everything is kept.
	HeaderAuto Header = "auto"
	// HeaderKeep drops nothing.
	HeaderKeep Header = "keep"
	// HeaderOnce drops the first line of each later part, of whatever format, that
	// is the same as the first part's.
	HeaderOnce Header = "once"
)

const (
	// maxHeader bounds a header in bytes, without byte order mark and line end.
	maxHeader = 64 << 10
	bom       = "\uFEFF"
	// peekSize is how much of a part is looked at to find its header.
	peekSize = len(bom) + maxHeader + len("\r\n")
)

// firstLine is the first record of a part.
type firstLine struct {
	// text is the line without byte order mark and line end.
	text []byte
	// size and end count the bytes of the whole line and of its line end.
	size, end int
}

// readFirstLine finds the first line in the beginning of a part, of which
// peekSize bytes or all must be given. It reports false if there is none, or
// none that could be a header.
func readFirstLine(begin []byte) (firstLine, bool) {
	if compressed(begin) {
		return firstLine{}, false
	}
	text := bytes.TrimPrefix(begin, []byte(bom))
	mark := len(begin) - len(text)
	end := recordEnd(text)
	line := firstLine{size: mark + end}
	text = text[:end]
	if bytes.HasSuffix(text, []byte("\n")) {
		line.end = 1
		if bytes.HasSuffix(text, []byte("\r\n")) {
			line.end = 2
		}
	}
	line.text = text[:len(text)-line.end]
	if len(line.text) == 0 || len(line.text) > maxHeader || line.end == 0 && len(begin) >= peekSize {
		return firstLine{}, false
	}
	for _, c := range line.text {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return firstLine{}, false
		}
	}
	return line, true
}

// recordEnd is the length of the first record with its line end. Quotes in a
// quoted field are doubled, or escaped by a backslash as Spark does. A quote
// that is never closed is taken for a character like any other.
func recordEnd(text []byte) int {
	quoted, fieldStart := false, true
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted:
			if c == '\\' && i+1 < len(text) && text[i+1] == '"' {
				i++
			} else if c == '"' {
				quoted = false // or the first of two: the second opens it again
			}
		case c == '\n':
			return i + 1
		case c == '"' && (fieldStart || text[i-1] == '"'):
			quoted = true
		}
		fieldStart = !quoted && isSeparator(c)
	}
	if quoted {
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			return i + 1
		}
	}
	return len(text)
}

var separators = []byte(",;\t|")

func isSeparator(c byte) bool { return bytes.IndexByte(separators, c) >= 0 }

// looksLikeHeader asks for fields that could name columns, whichever of the
// usual separators separates them.
func looksLikeHeader(line []byte) bool {
	if !fieldsAreNames(line, ',') {
		return false
	}
	for _, separator := range separators[1:] {
		if bytes.IndexByte(line, separator) >= 0 && !fieldsAreNames(line, separator) {
			return false
		}
	}
	return true
}

func fieldsAreNames(line []byte, separator byte) bool {
	fields := splitFields(string(line), separator)
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		if looksLikeData(f) || seen[f] {
			return false
		}
		seen[f] = true
	}
	return true
}

// splitFields takes spaces and quotes off each field.
func splitFields(line string, separator byte) []string {
	var fields []string
	quoted, start := false, 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || line[i] == separator && !quoted:
			f := strings.TrimSpace(line[start:i])
			if len(f) >= 2 && f[0] == '"' && f[len(f)-1] == '"' {
				f = strings.TrimSpace(f[1 : len(f)-1])
			}
			fields = append(fields, f)
			start = i + 1
		case line[i] == '\\' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
		case line[i] == '"':
			quoted = !quoted
		}
	}
	return fields
}

// looksLikeData is true for what names no column: nothing, numbers, dates and
// times, amounts, booleans, nulls.
func looksLikeData(field string) bool {
	switch strings.ToLower(field) {
	case "", "true", "false", "null", "none", "na", "n/a":
		return true
	}
	if _, err := strconv.ParseFloat(field, 64); err == nil {
		return true
	}
	const signs = "0123456789+-.,:/ %$€£"
	first, _ := utf8.DecodeRuneInString(field)
	return strings.ContainsAny(field, "0123456789") && strings.ContainsRune(signs, first) &&
		strings.Trim(field, signs+"TZeE") == ""
}

// comesAgain reports whether a line of a part's beginning after the first is the
// same as the first.
func comesAgain(begin []byte, line firstLine) bool {
	for rest := begin[line.size:]; len(rest) > 0; {
		next, after, ended := bytes.Cut(rest, []byte("\n"))
		if (ended || len(begin) < peekSize) && bytes.Equal(bytes.TrimSuffix(next, []byte("\r")), line.text) {
			return true
		}
		rest = after
	}
	return false
}

// compressed knows the formats that Spark compresses text with and whose first
// bytes might pass for text. Those of the others hold control characters.
func compressed(begin []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "BZh", "\x28\xb5\x2f\xfd", "\x04\x22\x4d\x18", "\xfd7zXZ", "\x78\x01", "\x78\x5e", "\x78\x9c", "\x78\xda"} {
		if bytes.HasPrefix(begin, []byte(magic)) {
			return magic != "BZh" || len(begin) >= 10 && string(begin[4:10]) == "1AY&SY"
		}
	}
	return false
}
