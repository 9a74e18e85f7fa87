package submission

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// writeProperties writes java.util.Properties, in UTF-8 and sorted by key.
func writeProperties(title string, properties map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("#" + title + "\n")
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		b.WriteString(escapeProperty(key, true))
		b.WriteByte('=')
		b.WriteString(escapeProperty(properties[key], false))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// escapeProperty escapes as Properties.store does for a Writer: every space of a
// key, a value's only in front.
func escapeProperty(s string, isKey bool) string {
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

// readProperties reads java.util.Properties as Properties.load does from UTF-8. Of
// a key that occurs twice the last value counts.
func readProperties(data []byte) (map[string]string, error) {
	properties := map[string]string{}
	for _, line := range logicalLines([]rune(string(data))) {
		key, value := splitProperty(line)
		k, err := unescapeProperty(key)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", show(string(key)), err)
		}
		v, err := unescapeProperty(value)
		if err != nil {
			return nil, fmt.Errorf("value of %s: %w", show(k), err)
		}
		properties[k] = v
	}
	return properties, nil
}

func isPropertySpace(r rune) bool { return r == ' ' || r == '\t' || r == '\f' }

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
			if isPropertySpace(r) || isEnd && !continued {
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

// splitProperty splits at the first '=', ':' or space that is not escaped.
func splitProperty(line []rune) (key, value []rune) {
	i, backslash := 0, false
	for ; i < len(line); i++ {
		r := line[i]
		if !backslash && (r == '=' || r == ':' || isPropertySpace(r)) {
			break
		}
		backslash = r == '\\' && !backslash
	}
	key = line[:i]
	for separator := false; i < len(line); i++ {
		switch r := line[i]; {
		case isPropertySpace(r):
		case !separator && (r == '=' || r == ':'):
			separator = true
		default:
			return key, line[i:]
		}
	}
	return key, nil
}

var propertyEscapes = map[rune]uint16{'t': '\t', 'r': '\r', 'n': '\n', 'f': '\f'}

// unescapeProperty resolves escapes; characters beyond 16 bits may be written as
// two of them.
func unescapeProperty(s []rune) (string, error) {
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
		switch escaped, ok := propertyEscapes[s[i]]; {
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
