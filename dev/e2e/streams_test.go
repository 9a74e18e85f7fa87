package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// talking writes far more than the messages take, to both streams.
var talking = scores(`
for i in range(500):
    print("out line %d" % i)
    print("err line %d" % i, file=sys.stderr)
write(outputs[0], "x")
`)

// section is what a stream has added to the messages.
func (e ended) section(stream string) []string {
	lines := e.messages()
	at := slices.Index(lines, "--- "+stream+" ---")
	if at < 0 {
		return nil
	}
	lines = lines[at+1 : len(lines)-1] // the last line is Stoker's
	if end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "--- std") }); end >= 0 {
		lines = lines[:end]
	}
	return lines
}

// How much of a stream stands in the messages is configured: nothing, its end or
// its beginning, bounded.
func TestStreamsInMessages(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		in   *shared
		want map[string]string
	}{
		"tail and off":  {withoutSpark, map[string]string{"stdout": "tail", "stderr": "off"}},
		"full and tail": {olderArrays, map[string]string{"stdout": "full", "stderr": "tail"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := row.in.get(t).job(t)
			e := j.create(j.model(talking)).ends(complete)
			for stream, mode := range row.want {
				lines := e.section(stream)
				word := stream[len("std"):]
				switch mode {
				case "off":
					require.Empty(t, lines)
					require.NotContains(t, e.transcript(), word+" line")
					continue
				case "tail":
					require.True(t, slices.ContainsFunc(lines, func(l string) bool { return l == word+" line 499" }), "%s", lines)
					require.NotContains(t, lines, word+" line 0")
				case "full":
					require.Contains(t, lines, word+" line 0")
					require.NotContains(t, lines, word+" line 499")
				}
				size := len(strings.Join(lines, "\n"))
				require.LessOrEqual(t, size, streamBytes)
				require.Greater(t, size, streamBytes/2, "%s is cut to its bound, not to nothing", stream)
			}
		})
	}
}

// What a model prints is shown as lines of text, whatever bytes it prints.
func TestStreamsOfAnyBytes(t *testing.T) {
	long(t)
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`
sys.stdout.buffer.write(b"\xff\xfe bytes \x1b[31mred\x00\rnext\n")
print("x" * 100000)
write(outputs[0], "x")
`))).ends(complete)
	for _, line := range e.messages() {
		require.LessOrEqual(t, len(line), 4<<10)
		require.False(t, strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' }), "%q", line)
	}
}
