package parts_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/parts"
)

const bom = "\uFEFF"

// memory is a Store of one directory, "/out", in memory.
type memory struct {
	store.Store // panics for what no test expects
	files       map[string]string
	// sizes says other sizes than the files have.
	sizes  map[string]int64
	opened int
	// open, if set, goes before every Open.
	open func(name string) error
}

func (m *memory) Stat(_ context.Context, path string) (store.Info, error) {
	return store.Info{Path: path, Dir: true}, nil
}

func (m *memory) List(context.Context, string) ([]store.Info, error) {
	var infos []store.Info
	for name, content := range m.files {
		size := int64(len(content))
		if s, ok := m.sizes[name]; ok {
			size = s
		}
		infos = append(infos, store.Info{Path: "/out/" + name, Size: size})
	}
	return infos, nil
}

func (m *memory) Open(_ context.Context, path string) (io.ReadCloser, error) {
	name := filepath.Base(path)
	if m.open != nil {
		if err := m.open(name); err != nil {
			return nil, err
		}
	}
	content, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	m.opened++
	return io.NopCloser(strings.NewReader(content)), nil
}

// inOrder names contents as parts.
func inOrder(contents ...string) *memory {
	m := &memory{files: map[string]string{"_SUCCESS": "", ".part-00000.crc": "crc\x00"}}
	for i, c := range contents {
		m.files[fmt.Sprintf("part-%05d-u-c000.csv", i)] = c
	}
	return m
}

func collect(t require.TestingT, m *memory, o parts.Options) (string, parts.Result) {
	var out bytes.Buffer
	result, err := parts.Collect(context.Background(), m, "/out", &out, o)
	require.NoError(t, err)
	sum := sha256.Sum256(out.Bytes())
	require.Equal(t, hex.EncodeToString(sum[:]), result.SHA256)
	require.Equal(t, int64(out.Len()), result.Bytes)
	return out.String(), result
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		name    string
		parts   []string
		auto    string
		dropped int
		once    string // the same as auto if empty
	}{
		{name: "repeated", parts: []string{"a,b\n1,2\n", "a,b\n3,4\n", "a,b\n5,6\n"}, auto: "a,b\n1,2\n3,4\n5,6\n", dropped: 2},
		{name: "empty parts don't count", parts: []string{"", "a,b\n1,2\n", "", "a,b\n3,4\n", ""}, auto: "a,b\n1,2\n3,4\n", dropped: 1},
		{name: "parts of a header only", parts: []string{"a,b\n", "a,b\n1,2\n", "a,b\n"}, auto: "a,b\n1,2\n", dropped: 2},
		{name: "one part", parts: []string{"a,b\n1,2\n"}, auto: "a,b\n1,2\n"},
		{name: "one part that isn't empty", parts: []string{"", "a,b\na,c\n", ""}, auto: "a,b\na,c\n"},
		{name: "not in every part", parts: []string{"a,b\n1,2\n", "a,b\n3,4\n", "5,6\n"}, auto: "a,b\n1,2\na,b\n3,4\n5,6\n", once: "a,b\n1,2\n3,4\n5,6\n"},
		{name: "other headers", parts: []string{"a,b\n1,2\n", "a,c\n3,4\n"}, auto: "a,b\n1,2\na,c\n3,4\n"},
		{name: "numbers", parts: []string{"1,2\n3,4\n", "1,2\n5,6\n"}, auto: "1,2\n3,4\n1,2\n5,6\n", once: "1,2\n3,4\n5,6\n"},
		{name: "a number among names", parts: []string{"a,2\n", "a,2\n"}, auto: "a,2\na,2\n", once: "a,2\n"},
		{name: "the same field twice", parts: []string{"a,a\n", "a,a\n"}, auto: "a,a\na,a\n", once: "a,a\n"},
		{name: "an empty field", parts: []string{"a,\n1,2\n", "a,\n3,4\n"}, auto: "a,\n1,2\na,\n3,4\n", once: "a,\n1,2\n3,4\n"},
		{name: "a value that comes again", parts: []string{"yes\nno\nyes\n", "yes\nno\n"}, auto: "yes\nno\nyes\nyes\nno\n", once: "yes\nno\nyes\nno\n"},
		{name: "empty first line", parts: []string{"\na\n", "\nb\n"}, auto: "\na\n\nb\n"},
		{name: "crlf", parts: []string{"a,b\r\n1,2\r\n", "a,b\r\n3,4\r\n"}, auto: "a,b\r\n1,2\r\n3,4\r\n", dropped: 1},
		{name: "line ends differ", parts: []string{"a,b\n1,2\n", "a,b\r\n3,4\r\n"}, auto: "a,b\n1,2\n3,4\r\n", dropped: 1},
		{name: "byte order mark in each", parts: []string{bom + "a,b\n1,2\n", bom + "a,b\n3,4\n"}, auto: bom + "a,b\n1,2\n3,4\n", dropped: 1},
		{name: "byte order mark in one", parts: []string{"a,b\n1,2\n", bom + "a,b\n3,4\n"}, auto: "a,b\n1,2\n3,4\n", dropped: 1},
		{name: "quoted newline", parts: []string{"\"a\nb\",c\n1,2\n", "\"a\nb\",c\n3,4\n"}, auto: "\"a\nb\",c\n1,2\n3,4\n", dropped: 1},
		{name: "the first header lacks its line end", parts: []string{"a,b", "a,b\n1,2\n"}, auto: "a,b\n1,2\n", dropped: 1},
		{name: "a later header lacks its line end", parts: []string{"a,b\n1,2\n", "a,b", "a,b\n3,4\n"}, auto: "a,b\n1,2\n3,4\n", dropped: 2},
		{name: "all lack their line end", parts: []string{"a,b", "a,b"}, auto: "a,b", dropped: 1},
		{name: "rows stay apart", parts: []string{"a,b\n1,2", "a,b\n3,4"}, auto: "a,b\n1,2\n3,4", dropped: 1},
		{name: "rows stay apart by crlf", parts: []string{"a,b\r\n1,2", "a,b\r\n3,4"}, auto: "a,b\r\n1,2\r\n3,4", dropped: 1},
		{name: "without headers bytes stay", parts: []string{"1,2", "3,4"}, auto: "1,23,4"},
		{name: "longest header", parts: []string{long + "\n1\n", long + "\n2\n"}, auto: long + "\n1\n2\n", dropped: 1},
		{name: "too long a header", parts: []string{long + "x\n1\n", long + "x\n2\n"}, auto: long + "x\n1\n" + long + "x\n2\n"},
		{name: "binary", parts: []string{"a\x00\nb", "a\x00\nb"}, auto: "a\x00\nba\x00\nb"},
		{name: "other separator", parts: []string{"a;b\n1;2\n", "a;b\n3;4\n"}, auto: "a;b\n1;2\n3;4\n", dropped: 1},
		{name: "rows with another separator", parts: []string{"1;2\n3;4\n", "1;2\n5;6\n"}, auto: "1;2\n3;4\n1;2\n5;6\n", once: "1;2\n3;4\n5;6\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.once == "" {
				c.once = c.auto
			}
			joined := strings.Join(c.parts, "")
			for _, want := range []struct {
				header parts.Header
				format string
				out    string
			}{
				{"", "CSV", c.auto},
				{parts.HeaderAuto, "csv", c.auto},
				{parts.HeaderOnce, "CSV", c.once},
				{parts.HeaderOnce, "", c.once},
				{parts.HeaderKeep, "CSV", joined},
				{parts.HeaderAuto, "JSON", joined},
				{"", "", joined},
			} {
				out, result := collect(t, inOrder(c.parts...), parts.Options{Name: "o", Format: want.format, Header: want.header})
				require.Equal(t, want.out, out, "header %q of %q", want.header, want.format)
				require.Equal(t, len(c.parts), result.Parts)
				if want.format == "CSV" && want.header == "" {
					require.Equal(t, c.dropped, result.HeaderDropped)
				}
			}
		})
	}
}

func TestCompressedPartsAreJoined(t *testing.T) {
	t.Parallel()
	pack := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(s))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	for _, header := range []parts.Header{parts.HeaderAuto, parts.HeaderOnce, parts.HeaderKeep} {
		out, _ := collect(t, inOrder(pack("a,b\n1,2\n"), pack("a,b\n3,4\n")), parts.Options{Format: "CSV", Header: header})
		r, err := gzip.NewReader(strings.NewReader(out))
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "a,b\n1,2\na,b\n3,4\n", string(got))
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	m := inOrder("a,b\n1,2\n", "a,b\n3,4\n")
	for limit, fits := range map[int64]bool{0: true, 15: false, 16: true, 17: true} {
		var out bytes.Buffer
		_, err := parts.Collect(t.Context(), m, "/out", &out, parts.Options{Name: "scores", MaxBytes: limit})
		if fits {
			require.NoError(t, err)
			continue
		}
		var tooLarge *parts.TooLargeError
		require.ErrorAs(t, err, &tooLarge)
		require.Equal(t, parts.TooLargeError{Name: "scores", Size: 16, Limit: limit}, *tooLarge)
		require.ErrorIs(t, err, parts.ErrTooLarge)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.ErrorContains(t, err, `"scores"`)
		require.Zero(t, out.Len())
	}
	m.opened = 0
	_, err := parts.Collect(t.Context(), m, "/out", io.Discard, parts.Options{Format: "CSV", MaxBytes: 1})
	require.ErrorIs(t, err, parts.ErrTooLarge)
	require.Zero(t, m.opened, "nothing was even read")
}

func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, header := range []parts.Header{parts.HeaderKeep, parts.HeaderAuto, parts.HeaderOnce} {
		for said, how := range map[int64]string{0: "grew", 1: "grew", 7: "grew", 9: "shrank", 1 << 40: "shrank"} {
			m := inOrder("a,b\n1,2\n", "a,b\n3,4\n", "a,b\n5,6\n")
			m.sizes = map[string]int64{"part-00001-u-c000.csv": said}
			var out bytes.Buffer
			_, err := parts.Collect(t.Context(), m, "/out", &out, parts.Options{Name: "o", Format: "CSV", Header: header})
			require.ErrorIs(t, err, parts.ErrChanged)
			require.ErrorContains(t, err, how)
			require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
			require.LessOrEqual(t, int64(out.Len()), 16+said, "never more than was announced")
		}
	}

	m := inOrder("x", "y")
	m.open = func(name string) error {
		if strings.HasPrefix(name, "part-00001") {
			return fmt.Errorf("open: %w", fs.ErrNotExist)
		}
		return nil
	}
	_, err := parts.Collect(t.Context(), m, "/out", io.Discard, parts.Options{})
	require.ErrorIs(t, err, parts.ErrChanged)
	require.NotErrorIs(t, err, fs.ErrNotExist, "the output is there, a part of it went")
}

func TestErrorsKeepTheirKind(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	for cause, code := range map[error]job.Code{
		down:                                     job.CodeUnavailable,
		fs.ErrPermission:                         job.CodeUnauthorized,
		job.Errorf(job.CodeInvalid, "is a pipe"): job.CodeInvalid,
	} {
		for _, header := range []parts.Header{parts.HeaderKeep, parts.HeaderAuto} {
			m := inOrder("x", "y")
			m.open = func(string) error { return cause }
			_, err := parts.Collect(t.Context(), m, "/out", io.Discard, parts.Options{Name: "scores", Format: "CSV", Header: header})
			require.ErrorIs(t, err, cause)
			require.Equal(t, code, job.CodeOf(err))
			require.ErrorContains(t, err, `"scores"`)
		}
	}
	_, err := parts.Collect(t.Context(), inOrder("x"), "/out", io.Discard, parts.Options{Header: "sometimes"})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriterErrors(t *testing.T) {
	t.Parallel()
	_, err := parts.Collect(t.Context(), inOrder("x"), "/out", brokenWriter{}, parts.Options{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := parts.Collect(ctx, inOrder(strings.Repeat("x", 1<<20), "y"), "/out", io.Discard, parts.Options{Progress: func(int64) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var seen []int64
	_, result := collect(t, inOrder(strings.Repeat("x", 1<<20), "y", ""), parts.Options{Progress: func(n int64) { seen = append(seen, n) }})
	require.IsIncreasing(t, seen)
	require.Equal(t, result.Bytes, seen[len(seen)-1])
	require.Greater(t, len(seen), 3)
}

func TestManyPartsInNumericOrder(t *testing.T) {
	t.Parallel()
	m := &memory{files: map[string]string{}}
	for _, i := range []int{100_001, 100_000, 99_999, 3, 20} {
		m.files[fmt.Sprintf("part-%05d", i)] = fmt.Sprintln(i)
	}
	out, _ := collect(t, m, parts.Options{})
	require.Equal(t, "3\n20\n99999\n100000\n100001\n", out)
}

// onDisk is a tree below a temporary directory; names that end in '/' are
// directories.
func onDisk(t *testing.T, names ...string) (store.Store, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "the out%put")
	require.NoError(t, os.Mkdir(root, 0o755))
	for _, name := range names {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte("<"+name+">"), 0o644))
	}
	return file.New(file.Options{}), root
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		names []string
		out   string
		parts int
		err   string
	}{
		{name: "as Spark writes it", names: []string{"_SUCCESS", "._SUCCESS.crc", ".part-00000.crc", "part-00001", "part-00000"}, out: "<part-00000><part-00001>", parts: 2},
		{name: "no data", names: []string{"_SUCCESS"}},
		{name: "nothing at all"},
		{name: "hidden directories", names: []string{"_SUCCESS", "_temporary/0/x", ".hive/x", "_delta_log/x", "part-0"}, out: "<part-0>", parts: 1},
		{name: "other names", names: []string{"b.csv", "a.csv"}, out: "<a.csv><b.csv>", parts: 2},
		{name: "partitioned", names: []string{"_SUCCESS", "year=2024/part-0", "year=2025/part-0"}, err: "holds directories, not parts"},
		{name: "parts and a directory", names: []string{"part-0", "empty/"}, err: "holds directories, not parts"},
		{name: "not committed", names: []string{"_temporary/0/part-0", "part-0"}, err: "was not committed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st, root := onDisk(t, c.names...)
			var out bytes.Buffer
			result, err := parts.Collect(t.Context(), st, root, &out, parts.Options{Name: "scores"})
			size, measureErr := parts.Measure(t.Context(), st, root)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.ErrorContains(t, err, `"scores"`)
				require.Equal(t, job.CodeInvalid, job.CodeOf(err))
				require.ErrorContains(t, measureErr, c.err)
				return
			}
			require.NoError(t, err)
			require.NoError(t, measureErr)
			require.Equal(t, c.out, out.String())
			require.Equal(t, c.parts, result.Parts)
			require.Equal(t, parts.Size{Bytes: int64(len(c.out)), Parts: c.parts, Directory: true}, size)
		})
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	st, root := onDisk(t, "_out.csv")
	out := bytes.Buffer{}
	result, err := parts.Collect(t.Context(), st, root+"/_out.csv", &out, parts.Options{Format: "CSV"})
	require.NoError(t, err)
	require.Equal(t, "<_out.csv>", out.String())
	require.Equal(t, 1, result.Parts)
	size, err := parts.Measure(t.Context(), st, root+"/_out.csv")
	require.NoError(t, err)
	require.Equal(t, parts.Size{Bytes: 10, Parts: 1}, size)
}

func TestMissing(t *testing.T) {
	t.Parallel()
	st, root := onDisk(t)
	_, err := parts.Collect(t.Context(), st, root+"/none", io.Discard, parts.Options{Name: "scores"})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
	require.ErrorContains(t, err, `"scores"`)
	_, err = parts.Measure(t.Context(), st, root+"/none")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestCollectTo(t *testing.T) {
	t.Parallel()
	st, root := onDisk(t, "part-0", "part-1")
	dst := filepath.Join(t.TempDir(), "new/collected")
	result, err := parts.CollectTo(t.Context(), st, root, st, dst, 0o600, parts.Options{})
	require.NoError(t, err)
	content, err := os.ReadFile(dst)
	require.NoError(t, err)
	require.Equal(t, "<part-0><part-1>", string(content))
	require.Equal(t, int64(len(content)), result.Bytes)

	for _, o := range []parts.Options{{MaxBytes: 1}, {Header: "x"}} {
		_, err = parts.CollectTo(t.Context(), st, root, st, dst+"2", 0o600, o)
		require.Error(t, err)
		require.NoFileExists(t, dst+"2")
	}
	m := inOrder("x", "y")
	m.sizes = map[string]int64{"part-00001-u-c000.csv": 5}
	_, err = parts.CollectTo(t.Context(), m, "/out", st, dst+"2", 0o600, parts.Options{})
	require.ErrorIs(t, err, parts.ErrChanged)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.NoFileExists(t, dst+"2")
}

// Rows written as Spark writes them, over any number of parts and each under the
// header, come out as they would in one file.
func TestSplitCSVComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		header := "name,\"the\ncount\",note"
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "line end")
		mark := rapid.SampledFrom([]string{"", bom}).Draw(t, "mark")
		row := rapid.StringMatching(`[a-z]{0,3},[0-9]{0,3},("[^"\n\r]{0,3}\n"|é?)`)
		all := ""
		var contents []string
		for range rapid.IntRange(1, 8).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "empty") {
				contents = append(contents, "")
				continue
			}
			rows := ""
			for _, r := range rapid.SliceOfN(row, 0, 5).Draw(t, "rows") {
				rows += r + end
			}
			contents = append(contents, mark+header+end+rows)
			all += rows
		}
		want := ""
		if strings.Join(contents, "") != "" {
			want = mark + header + end + all
		}
		out, _ := collect(t, inOrder(contents...), parts.Options{Format: "CSV"})
		require.Equal(t, want, out)
	})
}

// A file cut anywhere comes back whole when nothing is taken for a header.
func TestSplitBytesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var contents []string
		for _, c := range rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 0, 9).Draw(t, "parts") {
			contents = append(contents, string(c))
		}
		out, _ := collect(t, inOrder(contents...), parts.Options{Format: "CSV", Header: parts.HeaderKeep})
		require.Equal(t, strings.Join(contents, ""), out)
	})
}

// What is left out is one and the same line, at the beginning of parts.
func FuzzCollect(f *testing.F) {
	f.Add("a,b\n1,2\n", "a,b\n3,4\n", "")
	f.Add(bom+"\"a\nb\"\r\n", "\"a\nb\"", "\"a\nb\"\nx")
	f.Add("\x1f\x8b\n", "\x1f\x8b\n", "\x1f\x8b\n")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		joined := a + b + c
		for _, header := range []parts.Header{parts.HeaderAuto, parts.HeaderOnce, parts.HeaderKeep} {
			out, result := collect(t, inOrder(a, b, c), parts.Options{Format: "CSV", Header: header})
			require.True(t, strings.HasPrefix(out, a), "the first part stays whole")
			require.True(t, isSubsequence(out, joined), "nothing is added or moved")
			if result.HeaderDropped == 0 {
				require.Equal(t, joined, out)
			} else {
				require.NotEqual(t, parts.HeaderKeep, header)
				require.Less(t, len(out), len(joined))
			}
		}
	})
}

func isSubsequence(part, whole string) bool {
	for i := 0; i < len(whole) && part != ""; i++ {
		if whole[i] == part[0] {
			part = part[1:]
		}
	}
	return part == ""
}
