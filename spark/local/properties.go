package local

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

// properties writes keys and values as java.util.Properties reads them, sorted
// by key. Everything outside printable ASCII is written as \uXXXX, so that the
// reader's encoding doesn't matter.
func properties(values map[string]string) []byte {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		escapeProperty(&b, key, true)
		b.WriteByte('=')
		escapeProperty(&b, values[key], false)
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// escapeProperty follows java.util.Properties.store: in a key every space is
// escaped, in a value the first one.
func escapeProperty(b *strings.Builder, s string, key bool) {
	for i, r := range s {
		switch {
		case r == ' ':
			if key || i == 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(' ')
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\\', r == '=', r == ':', r == '#', r == '!':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r > ' ' && r < 0x7f:
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(b, `\u%04X`, unit)
			}
		}
	}
}
