package job

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of text from outside, in bytes, before it may enter a Temporal
// result, failure or heartbeat. A failure kept in mutable state is cut at
// 4 KiB by the server; these stay below it together.
const (
	MaxMessage   = 1000
	MaxTraceback = 2000
	MaxRaw       = 800
	// MaxWord bounds names: an exception's class, a status, an id.
	MaxWord = 200
)

// Head returns at most max bytes from the start of s, as valid UTF-8, with "…"
// for what was left out where there is room for it.
func Head(s string, max int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= max {
		return s
	}
	const mark = "…"
	cut := max - len(mark)
	if cut < 0 {
		return ""
	}
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// OneLine joins the words of a text by single spaces.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Tail returns at most max bytes from the end of s, as valid UTF-8, starting
// at a line where it can, with "…" before it where there is room.
func Tail(s string, max int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= max {
		return s
	}
	const mark = "…\n"
	room := max - len(mark)
	if room < 0 {
		return ""
	}
	s = s[len(s)-room:]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	if i := strings.IndexByte(s, '\n'); i >= 0 && i < len(s)/2 {
		s = s[i+1:]
	}
	return mark + s
}

// TextProblem says why a text from outside can be no word of a job, "" if it can: Temporal
// carries UTF-8 alone, and a control character would be read by a terminal or a query.
func TextProblem(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "holds a control character"
	}
	return ""
}
