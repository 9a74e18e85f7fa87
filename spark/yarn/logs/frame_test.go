package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// localFrame is a reply of a NodeManager, word for word.
func localFrame(stream string, length int, content string, running bool) string {
	const id, node = "container_e01_1795248734839_0002_01_000001", "localhost:20041"
	first := fmt.Sprintf("Container: %s on %s", id, node)
	end := "End of LogType:" + stream
	text := first + "\nLogAggregationType: LOCAL\n" + strings.Repeat("=", len(first)) + "\nLogType:" + stream +
		"\nLogLastModifiedTime:Sat Nov 21 08:13:32 +0000 2026\nLogLength:" + fmt.Sprint(length) + "\nLogContents:\n" + content + end + "."
	if running {
		text += "This log file belongs to a running container (" + id + ") and so may not be complete."
	}
	return text + "\n" + strings.Repeat("*", len(end)+50) + "\n\n"
}

// aggregatedFrame is a part of a reply of a history server.
func aggregatedFrame(stream string, length int, content string) string {
	end := "End of LogType:" + stream
	return "Container: container_e01_1795248734839_0002_01_000001 on localhost_20041\nLogAggregationType: AGGREGATED\n====\nLogType:" + stream +
		"\nLogLastModifiedTime:Sat Nov 21 08:13:42 +0000 2026\nLogLength:" + fmt.Sprint(length) + "\nLogContents:\n" + content +
		"\n" + end + "\n" + strings.Repeat("*", len(end)+50) + "\n\n"
}

// older is how Hadoop 2 framed it.
func older(stream, content string) string {
	return "Container: container_1_0001_01_000001 on localhost_20041\n=====\nLogType:" + stream +
		"\nLog Upload Time:Sat Nov 21 08:13:42 +0000 2026\nLogLength:" + fmt.Sprint(len(content)) + "\nLog Contents:\n" + content +
		"\nEnd of LogType:" + stream + "\n\n"
}

func readFrames(text io.Reader, stream string) (contents []string, lengths []int64, err error) {
	in := newFrames(text, stream)
	for {
		f, err := in.next()
		if errors.Is(err, errUnknown) {
			return contents, lengths, nil
		}
		if err != nil {
			return contents, lengths, err
		}
		lengths = append(lengths, f.length)
		var data []byte
		if f.length > 0 {
			if data, err = io.ReadAll(in.content(f.length)); err != nil {
				return contents, lengths, err
			}
		}
		contents = append(contents, string(data))
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	nasty := "a\nEnd of LogType:stdout.\nContainer: x on y\nLogLength:5\nLogContents:\n\x00\xff\r\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"running":            {localFrame("stdout", 3, "abc", true), []string{"abc"}},
		"ended":              {localFrame("stdout", 4, "abc\n", false), []string{"abc\n"}},
		"aggregated":         {aggregatedFrame("stdout", 4, "abc\n"), []string{"abc\n"}},
		"of an older Hadoop": {older("stdout", "abc\n"), []string{"abc\n"}},
		"empty":              {localFrame("stdout", 0, "", true), []string{""}},
		"empty, aggregated":  {aggregatedFrame("stdout", 0, ""), []string{""}},
		"like a frame":       {localFrame("stdout", len(nasty), nasty, true), []string{nasty}},
		"several":            {aggregatedFrame("stdout", 1, "a") + aggregatedFrame("stdout", 0, "") + aggregatedFrame("stdout", 2, "bc"), []string{"a", "", "bc"}},
		"local and aggregated": {
			localFrame("stdout", 2, "bc", false) + aggregatedFrame("stdout", 1, "a"), []string{"bc", "a"},
		},
		"without a header": {"End of LogType:stdout.\n****\n\n", []string{""}},
		"nothing":          {"", nil},
		"none":             {"Can not find logs for container:container_1_0001_01_000001", nil},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			got, _, err := readFrames(wrap(strings.NewReader(c.text)), "stdout")
			require.NoError(t, err, name)
			require.Equal(t, c.want, got, name)
		}
	}
}

func TestBrokenFrames(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a page":                   "<html><body>Please log in</body></html>",
		"another log":              localFrame("stderr", 3, "abc", true),
		"shorter than it says":     localFrame("stdout", 30, "abc", true),
		"longer than it says":      localFrame("stdout", 2, "abc", true),
		"not empty as it says":     localFrame("stdout", 0, "abc", true),
		"a negative length":        localFrame("stdout", -3, "abc", true),
		"a length that is none":    strings.Replace(localFrame("stdout", 3, "abc", true), "LogLength:3", "LogLength:many", 1),
		"no length":                strings.Replace(localFrame("stdout", 3, "abc", true), "LogLength:3\n", "", 1),
		"an endless line":          "Container: " + strings.Repeat("x", 1<<20),
		"an endless header":        "Container: x on y\n" + strings.Repeat("Something: else\n", 1<<16),
		"lines of nothing":         strings.Repeat("\n", 1<<16),
		"broken off in the header": localFrame("stdout", 3, "abc", true)[:100],
		"broken off in the log":    localFrame("stdout", 300, "abc", true)[:250],
		"without its end":          strings.SplitAfter(localFrame("stdout", 3, "abc", true), "abc")[0],
	} {
		_, _, err := readFrames(strings.NewReader(text), "stdout")
		require.True(t, isBroken(err), name)
		require.NotContains(t, err.Error(), "\n", name)
		require.NotContains(t, err.Error(), "<", name)
	}
}

func TestFramesOfAnyContent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, want := "", []string(nil)
		for range rapid.IntRange(1, 3).Draw(t, "frames") {
			content := string(rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "content"))
			want = append(want, content)
			text += aggregatedFrame("my.log", len(content), content)
		}
		got, _, err := readFrames(strings.NewReader(text), "my.log")
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(localFrame("stdout", 3, "abc", true)))
	f.Add([]byte(aggregatedFrame("stdout", 1, "a") + aggregatedFrame("stdout", 0, "")))
	f.Add([]byte(older("stdout", "abc\n")))
	f.Add([]byte("Can not find logs for container:x"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		contents, lengths, _ := readFrames(bytes.NewReader(reply), "stdout")
		for i, content := range contents {
			if int64(len(content)) != lengths[i] {
				t.Fatalf("a log of %d bytes has %d", lengths[i], len(content))
			}
			if !bytes.Contains(reply, []byte(content)) {
				t.Fatal("content that was not sent")
			}
		}
	})
}
