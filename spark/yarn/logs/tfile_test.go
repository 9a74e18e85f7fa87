package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The golden files were written by NodeManagers of Hadoop 3.4.3 and 3.5.0.
const (
	goldenNone  = "testdata/none.tfile"
	goldenGz    = "testdata/gz.tfile"
	noneFirst   = "container_e01_1795248734839_0011_01_000001"
	noneSecond  = "container_e01_1795248734839_0011_02_000001"
	gzContainer = "container_1795248890052_0009_01_000001"
)

func golden(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}

// content of the golden file with compression.
func gzStdout() []byte {
	var b strings.Builder
	for i := range 25 {
		fmt.Fprintf(&b, "%09d\n%s", i, strings.Repeat("x", 99_990))
	}
	return []byte(b.String())
}

func everyByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// readPart reads a stream of a file whole.
func readPart(r io.Reader, container, stream string) ([]byte, error) {
	p, err := find(r, container, stream)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(p)
	if err == nil && int64(len(data)) != p.length {
		err = errors.New("a part ended early")
	}
	return data, err
}

func TestGoldenTFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, container, stream string
		want                    []byte
	}{
		{goldenNone, noneFirst, "stderr", []byte("01\n")},
		{goldenNone, noneFirst, "stdout", everyByte()},
		{goldenNone, noneSecond, "stderr", []byte("02\n")},
		{goldenNone, noneSecond, "stdout", everyByte()},
		{goldenNone, noneSecond, "empty", nil},
		{goldenGz, gzContainer, "stderr", []byte("problem\n")},
		{goldenGz, gzContainer, "stdout", gzStdout()},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "by the byte": iotest.OneByteReader, "error with data": iotest.DataErrReader,
		} {
			got, err := readPart(wrap(bytes.NewReader(golden(t, c.file))), c.container, c.stream)
			require.NoError(t, err, "%s: %s of %s", name, c.stream, c.container)
			require.True(t, bytes.Equal(c.want, got), "%s: %s of %s", name, c.stream, c.container)
		}
	}
	for file, container := range map[string]string{goldenNone: noneSecond, goldenGz: gzContainer} {
		_, err := readPart(bytes.NewReader(golden(t, file)), container+"1", "stdout")
		require.ErrorIs(t, err, errUnknown)
		_, err = readPart(bytes.NewReader(golden(t, file)), container, "stdou")
		var absent *absentError
		require.ErrorAs(t, err, &absent)
		require.Contains(t, absent.streams, "stderr")
	}
}

// A file that is still being written must never pass for one without the log, nor
// for a shorter log.
func TestIncompleteTFile(t *testing.T) {
	t.Parallel()
	for file, step := range map[string]int{goldenNone: 1, goldenGz: 61} {
		whole := golden(t, file)
		container, want := noneSecond, everyByte()
		if file == goldenGz {
			container, want = gzContainer, gzStdout()
		}
		for n := 0; n < len(whole); n += step {
			got, err := readPart(bytes.NewReader(whole[:n]), container, "stdout")
			if err == nil {
				require.True(t, bytes.Equal(want, got), "%s, %d bytes", file, n)
			} else {
				require.ErrorIs(t, err, errIncomplete, "%s, %d bytes", file, n)
			}
			_, err = readPart(bytes.NewReader(whole[:n]), container+"1", "stdout")
			require.ErrorIs(t, err, errIncomplete, "%s, %d bytes", file, n)
		}
	}
}

func TestTFileOfAnyContent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9._ é-]{1,20}`)
		var records []Record
		for i := range rapid.IntRange(0, 5).Draw(t, "containers") {
			r := Record{Container: fmt.Sprintf("container_1_0001_01_%06d", i)}
			seen := map[string]bool{}
			for range rapid.IntRange(0, 5).Draw(t, "files") {
				f := LogFile{Name: name.Draw(t, "name"), Content: rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "content")}
				if !seen[f.Name] {
					r.Files = append(r.Files, f)
				}
				seen[f.Name] = true
			}
			records = append(records, r)
		}
		file := MakeTFile(rapid.Bool().Draw(t, "compressed"), rapid.IntRange(0, 300).Draw(t, "chunk"),
			rapid.IntRange(1, 4).Draw(t, "records per block"), records...)
		for _, r := range records {
			for _, f := range r.Files {
				got, err := readPart(bytes.NewReader(file), r.Container, f.Name)
				require.NoError(t, err)
				require.True(t, bytes.Equal(f.Content, got))
			}
			_, err := readPart(bytes.NewReader(file), r.Container, "no such")
			var absent *absentError
			require.ErrorAs(t, err, &absent)
			require.Len(t, absent.streams, len(r.Files))
		}
		_, err := readPart(bytes.NewReader(file), "container_1_0001_02_000001", "stdout")
		require.ErrorIs(t, err, errUnknown)
	})
}

// The test's own writer must write what Hadoop writes, up to the index.
func TestMakeTFileIsLikeHadoops(t *testing.T) {
	t.Parallel()
	want := golden(t, goldenNone)
	prelaunch := []byte("Setting up env variables\nSetting up job resources\nLaunching container\n")
	record := func(container, stderr string) Record {
		return Record{container, []LogFile{
			{"empty", nil},
			{"prelaunch.err", nil},
			{"prelaunch.out", prelaunch},
			{"stderr", []byte(stderr)},
			{"stdout", everyByte()},
		}}
	}
	got := MakeTFile(false, 0, 10, record(noneFirst, "01\n"), record(noneSecond, "02\n"))
	// What the application's owner is called and who may see it differs.
	from := bytes.Index(want, utf(noneFirst))
	end := bytes.Index(want, []byte{0, 1, 0, 0, 5})
	require.Positive(t, end)
	require.Contains(t, string(got), string(want[from-1:end]))
}

func TestDamagedTFiles(t *testing.T) {
	t.Parallel()
	file := MakeTFile(false, 0, 1, Record{noneFirst, []LogFile{{"a", []byte("12345")}, {"stdout", []byte("678")}}})
	for name, c := range map[string]struct {
		change func(file []byte) []byte
		want   string
	}{
		"something else": {func([]byte) []byte { return []byte("SEQ\x06 and so on, for more than the magic") }, "no TFile"},
		"another codec":  {func(f []byte) []byte { return append(bytes.Clone(f[:16]), 0x89, 'L', 'Z', 'O') }, "no TFile"},
		"a length of no sense": {func(f []byte) []byte {
			return bytes.Replace(f, append(utf("5"), "12345"...), append(utf("x"), "12345"...), 1)
		}, "without a length"},
		"a length too large": {func(f []byte) []byte {
			return bytes.Replace(f, append(utf("3"), "678"...), append(utf("9"), "678"...), 1)
		}, "not as long as it says"},
		"a skipped log too large": {func(f []byte) []byte {
			return bytes.Replace(f, append(utf("5"), "12345"...), append(utf("9"), "12345"...), 1)
		}, "damaged"},
		"a key too short": {func(f []byte) []byte {
			i := bytes.Index(f, utf(noneFirst))
			f = bytes.Clone(f)
			f[i-1] = 1
			return f
		}, "a key of 1 bytes"},
		"a chunk too large": {func(f []byte) []byte {
			i := bytes.Index(f, utf(noneFirst)) + len(utf(noneFirst))
			return append(bytes.Clone(f[:i]), 0x80+7, 0x80, 0, 0, 0, 0, 0, 0, 0)
		}, "a chunk of"},
		"nothing after the records": {func(f []byte) []byte {
			f = bytes.Clone(f)
			f[bytes.Index(f, []byte{0, 1, 0, 0, 5})+1] = 9
			return f
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readPart(bytes.NewReader(c.change(file)), noneFirst, "stdout")
			if c.want == "" {
				require.NoError(t, err)
				_, err = readPart(bytes.NewReader(c.change(file)), noneSecond, "stdout")
				c.want = "no TFile.meta"
			}
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, errUnknown)
		})
	}
	// A flipped bit in a compressed file is found by its checksum.
	packed := golden(t, goldenGz)
	packed[100] ^= 0x10
	_, err := readPart(bytes.NewReader(packed), gzContainer, "stdout")
	require.Error(t, err)
}

func TestVInts(t *testing.T) {
	t.Parallel()
	check := func(n int64) error {
		var b bytes.Buffer
		writeVInt(&b, n)
		b.WriteByte(0x55)
		got, err := readVInt(&b)
		if err != nil || got != n || b.Len() != 1 {
			return fmt.Errorf("%d is read as %d, leaving %d bytes: %w", n, got, b.Len()-1, err)
		}
		return nil
	}
	for _, n := range []int64{
		0, 1, -1, 127, 128, -32, -33, 5119, 5120, -5120, -5121, 1 << 20, 1<<20 - 1, -(1 << 20), -(1 << 20) - 1, 1<<27 - 1, 1 << 27,
		math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64,
	} {
		require.NoError(t, check(n))
	}
	rapid.Check(t, func(t *rapid.T) { require.NoError(t, check(rapid.Int64().Draw(t, "n"))) })
	for _, bytes := range []string{"\x80", "\x81\x00", "\x82\x00\x00", "\xcd", "\x87\x00"} {
		_, err := readVInt(strings.NewReader(bytes))
		require.Error(t, err, "%q", bytes)
	}
}

func FuzzTFile(f *testing.F) {
	f.Add(golden(f, goldenNone))
	f.Add(golden(f, goldenGz))
	f.Add(MakeTFile(true, 3, 1, Record{noneFirst, []LogFile{{"stdout", []byte("some content")}}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, container := range []string{noneFirst, gzContainer, "none"} {
			p, err := find(bytes.NewReader(file), container, "stdout")
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, p)
			if err == nil && n != p.length {
				t.Fatalf("a log of %d bytes has %d", p.length, n)
			}
		}
	})
}
