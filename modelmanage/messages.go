package modelmanage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

const (
	// maxLine bounds one line of jobMessages, in bytes.
	maxLine = 4 << 10
	// tracebackLines is how much of a traceback a failed job shows.
	tracebackLines = 20
	// keptHead is the part of a full jobMessages that its first lines get.
	keptHead = 4
)

// Logs are an application's streams, or their ends.
type Logs struct {
	Stdout []byte
	Stderr []byte
}

// Messages says how a job ended, for jobMessages, one line each: first how, then
// every problem, the traceback's last lines, what else happened, the streams as
// far as they are configured, and last a line that says it again in two words.
func Messages(o job.Outcome, logs Logs, c MessageConfig) []string {
	lines := []string{headline(o)}
	for _, p := range o.Problems {
		lines = append(lines, "Problem: "+p)
	}
	if o.Traceback != "" {
		trace := splitLines([]string{o.Traceback})
		lines = append(lines, trace[max(0, len(trace)-tracebackLines):]...)
	}
	for _, n := range o.Notes {
		lines = append(lines, "Note: "+n)
	}
	lines = append(lines, stream("stdout", logs.Stdout, c.Stdout, c.StreamBytes)...)
	lines = append(lines, stream("stderr", logs.Stderr, c.Stderr, c.StreamBytes)...)
	return splitLines(append(lines, lastLine(o)))
}

func headline(o job.Outcome) string {
	if o.Succeeded() {
		return "The job succeeded."
	}
	var b strings.Builder
	switch o.Result {
	case job.ResultLost:
		b.WriteString("LOST: nobody can tell how the application ended")
	case job.ResultCancelled:
		b.WriteString("CANCELLED")
	case job.ResultFailed, job.ResultSucceeded:
		b.WriteString("ERROR")
		if o.Class != "" {
			b.WriteString(" (" + string(o.Class) + ")")
		}
	}
	if o.Phase != "" {
		b.WriteString(" in phase " + string(o.Phase))
	}
	message := cleanLine(strings.Join(strings.Fields(o.Message), " "))
	if o.ErrorType != "" && !strings.HasPrefix(message, o.ErrorType) {
		b.WriteString(": " + o.ErrorType)
	}
	if message != "" {
		b.WriteString(": " + message)
	}
	return b.String()
}

func lastLine(o job.Outcome) string {
	switch o.Result {
	case job.ResultSucceeded:
		return "Job complete."
	case job.ResultCancelled:
		return "Job cancelled."
	case job.ResultLost:
		return "Job lost."
	case job.ResultFailed:
	}
	return "Job failed."
}

// stream is what a stream adds to the messages.
func stream(name string, data []byte, mode MessageMode, limit int) []string {
	if len(data) == 0 || mode == MessageOff || mode == "" {
		return nil
	}
	s := string(data)
	if mode == MessageFull {
		s = job.Head(s, limit)
	} else {
		s = job.Tail(s, limit)
	}
	return append([]string{"--- " + name + " ---"}, splitLines([]string{s})...)
}

// splitLines makes clean lines of texts: no line breaks, control characters or
// empty lines, and none too long.
func splitLines(texts []string) []string {
	var out []string
	for _, t := range texts {
		for line := range strings.SplitSeq(strings.ReplaceAll(t, "\r", "\n"), "\n") {
			if line = cleanLine(line); line != "" {
				out = append(out, line)
			}
		}
	}
	return out
}

// cleanLine is one line without control characters and white space at its end.
func cleanLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case isControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return job.Head(strings.TrimRight(s, " \t"), maxLine)
}

// appendMessages returns the complete list of messages with the new lines that
// are not there yet, and whether it differs from the old one. A line is there as
// often as it was written, so that a repeated report adds nothing and equal lines of
// one report all arrive.
func appendMessages(value any, add []string, c MessageConfig) ([]any, bool) {
	old, _ := value.([]any)
	if len(add) == 0 || endsWith(old, add) {
		return old, false
	}
	there := map[string]int{}
	for _, m := range old {
		if s, ok := m.(string); ok {
			there[s]++
		}
	}
	list := slices.Clone(old)
	for _, line := range add {
		if there[line] > 0 {
			there[line]--
			continue
		}
		list = append(list, line)
	}
	if len(list) == len(old) {
		return old, false
	}
	return bounded(list, c), true
}

// endsWith reports whether a list that was cut before ends with the lines, as far
// as it still can: lines cut from its middle must not be written again.
func endsWith(old []any, add []string) bool {
	at := slices.IndexFunc(old, func(m any) bool { _, ok := leftOut(m); return ok })
	if at < 0 {
		return false
	}
	tail := old[at+1:]
	n := min(len(tail), len(add))
	for i := range n {
		if tail[len(tail)-1-i] != add[len(add)-1-i] {
			return false
		}
	}
	return n > 0
}

// bounded keeps the first and the last of the messages and says in one line how
// many are left out between them.
func bounded(list []any, c MessageConfig) []any {
	total := 0
	for _, m := range list {
		total += messageSize(m)
	}
	if len(list) <= c.MaxLines && total <= c.MaxBytes {
		return list
	}
	head, size := 0, 0
	for head < len(list) && head < c.MaxLines/keptHead {
		if _, marked := leftOut(list[head]); marked {
			break
		}
		if size += messageSize(list[head]); size > c.MaxBytes/keptHead {
			break
		}
		head++
	}
	tail, size := len(list), 0
	for tail > head && len(list)-tail < c.MaxLines-head-1 {
		if size += messageSize(list[tail-1]); size > c.MaxBytes-c.MaxBytes/keptHead-maxMarker {
			break
		}
		tail--
	}
	count := 0
	for _, m := range list[head:tail] {
		if n, marked := leftOut(m); marked {
			count += n
			continue
		}
		count++
	}
	out := slices.Clone(list[:head])
	out = append(out, fmt.Sprintf("%s%d%s", markerStart, count, markerEnd))
	return append(out, list[tail:]...)
}

const (
	markerStart = "[stoker] "
	markerEnd   = " lines left out here"
	maxMarker   = 64
)

// leftOut reads the line that bounded leaves.
func leftOut(m any) (int, bool) {
	s, _ := m.(string)
	s, ok := strings.CutPrefix(s, markerStart)
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, markerEnd); !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

// messageSize is what a message takes in the document: its bytes, quotes and a
// comma.
func messageSize(m any) int { return len(valueText(m)) + 3 }
