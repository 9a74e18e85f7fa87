package job

import (
	"strings"
	"unicode/utf8"
)

// Limits of text from outside, in bytes, before it may enter a Temporal
// result, failure or heartbeat. A failure kept in mutable state is cut at
// 4 KiB by the server; these stay below it together.
const (
	MaxMessage   = 1000
	MaxTraceback = 2000
	MaxRaw       = 1000
)

// Head returns at most max bytes from the start of s, as valid UTF-8.
func Head(s string, max int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= max {
		return s
	}
	const mark = "…"
	cut := max - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:max0(cut)] + mark
}

// Tail returns at most max bytes from the end of s, as valid UTF-8, starting
// at a line where it can.
func Tail(s string, max int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= max {
		return s
	}
	const mark = "…\n"
	s = s[len(s)-max0(max-len(mark)):]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	if i := strings.IndexByte(s, '\n'); i >= 0 && i < len(s)/2 {
		s = s[i+1:]
	}
	return mark + s
}

func max0(n int) int {
	if n < 0 {
		return 0
	}
	return n
}
