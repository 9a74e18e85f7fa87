// Package properties reads and writes java.util.Properties, the format of
// spark-defaults.conf.
//
// Source: java.util.Properties, whose load and store a test compares it with.
package properties

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/stoker-spark/stoker/job"
)

// Write writes properties in UTF-8, sorted by key, below a title, which is one line.
func Write(title string, properties map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("#" + title + "\n")
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		b.WriteString(escape(key, true))
		b.WriteByte('=')
		b.WriteString(escape(properties[key], false))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// escape escapes as Properties.store does for a Writer: every space of a
// key, a value's only in front.
func escape(s string, isKey bool) string {
	var b strings.Builder
	for i, r := range s {
		switch r {
		case ' ':
			if i == 0 || isKey {
				b.WriteByte('\\')
			}
			b.WriteByte(' ')
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\f':
			b.WriteString(`\f`)
		case '\\', '=', ':', '#', '!':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Read reads properties as Properties.load does from UTF-8. Of a key that occurs twice
// the last value counts. The error names the key of a broken \u escape.
func Read(data []byte) (map[string]string, error) {
	properties := map[string]string{}
	for _, line := range logicalLines([]rune(string(data))) {
		key, value := split(line)
		k, err := unescape(key)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", job.Head(string(key), job.MaxWord), err)
		}
		v, err := unescape(value)
		if err != nil {
			return nil, fmt.Errorf("value of %q: %w", job.Head(k, job.MaxWord), err)
		}
		properties[k] = v
	}
	return properties, nil
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\f' }

// logicalLines joins lines that end in an odd number of backslashes with the next,
// without its leading space, and drops comments and blank lines.
func logicalLines(text []rune) [][]rune {
	var lines [][]rune
	var line []rune
	skipSpace, continued, backslash := true, false, false
	for i := 0; i < len(text); i++ {
		r := text[i]
		isEnd := r == '\n' || r == '\r'
		if skipSpace {
			if isSpace(r) || isEnd && !continued {
				continue
			}
			skipSpace, continued = false, false
		}
		switch {
		case len(line) == 0 && (r == '#' || r == '!'):
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
			skipSpace = true
		case !isEnd:
			line = append(line, r)
			backslash = r == '\\' && !backslash
		case len(line) == 0:
			skipSpace = true
		case backslash && i+1 == len(text):
		case backslash:
			line = line[:len(line)-1]
			skipSpace, continued, backslash = true, true, false
			if r == '\r' && i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
		default:
			lines = append(lines, line)
			line, skipSpace = nil, true
		}
	}
	if len(line) == 0 {
		return lines
	}
	if backslash { // at the end of the file
		line = line[:len(line)-1]
	}
	return append(lines, line)
}

// split splits at the first '=', ':' or space that is not escaped.
func split(line []rune) (key, value []rune) {
	i, backslash := 0, false
	for ; i < len(line); i++ {
		r := line[i]
		if !backslash && (r == '=' || r == ':' || isSpace(r)) {
			break
		}
		backslash = r == '\\' && !backslash
	}
	key = line[:i]
	for separator := false; i < len(line); i++ {
		switch r := line[i]; {
		case isSpace(r):
		case !separator && (r == '=' || r == ':'):
			separator = true
		default:
			return key, line[i:]
		}
	}
	return key, nil
}

var escapes = map[rune]uint16{'t': '\t', 'r': '\r', 'n': '\n', 'f': '\f'}

// unescape resolves escapes; characters beyond 16 bits may be written as
// two of them.
func unescape(s []rune) (string, error) {
	if !slices.Contains(s, '\\') {
		return string(s), nil
	}
	var units []uint16
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			units = utf16.AppendRune(units, s[i])
			continue
		}
		i++
		switch escaped, ok := escapes[s[i]]; {
		case ok:
			units = append(units, escaped)
		case s[i] != 'u':
			units = utf16.AppendRune(units, s[i])
		case i+4 >= len(s):
			return "", errors.New(`has a broken \u escape`)
		default:
			n, err := strconv.ParseUint(string(s[i+1:i+5]), 16, 16)
			if err != nil {
				return "", errors.New(`has a broken \u escape`)
			}
			units = append(units, uint16(n))
			i += 4
		}
	}
	return string(utf16.Decode(units)), nil
}

// Defaults reads spark-defaults.conf as Spark does: leading and trailing blanks of its
// values are dropped, escaped line ends are not. Keys outside spark. are returned as
// well. Errors are as for Read.
func Defaults(data []byte) (map[string]string, error) {
	properties, err := Read(data)
	for key, value := range properties {
		properties[key] = strings.TrimFunc(value, func(r rune) bool { return r <= ' ' && r != '\r' && r != '\n' })
	}
	return properties, err
}
