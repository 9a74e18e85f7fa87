package eventlog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/job"
)

// Conf is the Spark configuration that makes a driver on this host write its events
// to a directory, which must be there, so that a Tail can read them as they come.
func Conf(dir string) map[string]string {
	return map[string]string{
		"spark.eventLog.enabled": "true", "spark.eventLog.dir": (&url.URL{Scheme: "file", Path: dir}).String(),
		"spark.eventLog.buffer.kb": "1k", // behind Java's own, of 8 KiB
		// Spark 4 would write several files, and compress them.
		"spark.eventLog.rolling.enabled": "false", "spark.eventLog.compress": "false",
	}
}

const (
	suffixInProgress = ".inprogress"
	// maxLine bounds an event in bytes; a longer one is passed over. The beginning of
	// a job takes a few kilobytes for each of its stages.
	maxLine = 16 << 20
	// longest is what no line of Spark's is longer than: it keeps strings in memory.
	longest = 256 << 20
	// maxFiles bounds the logs of one application: it has one for each SparkContext
	// that it makes after another.
	maxFiles = 100
)

// Tail reads a directory of logs, each call where the last one stopped. It is not
// safe for concurrent use.
type Tail struct {
	files map[string]*file
}

// file is one log, by its name at the end.
type file struct {
	offset int64
	tally  Tally
	// broken: it holds a line without an end, so Spark did not write it.
	broken bool
}

// Read counts what has been added and returns the sum of all logs, with no time. It
// is fs.ErrNotExist if there is none. When ctx ends it stops, and the next call goes
// on.
func (t *Tail) Read(ctx context.Context, dir string) (job.Progress, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return job.Progress{}, err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") { // checksums are hidden files
			continue
		}
		f := t.file(entry.Name())
		if f == nil {
			continue
		}
		err := f.read(ctx, filepath.Join(dir, entry.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // renamed: found with the next call
			return job.Progress{}, err
		}
	}
	if len(t.files) == 0 {
		return job.Progress{}, fs.ErrNotExist
	}
	var sum job.Progress
	for _, f := range t.files {
		add(&sum, f.tally.Progress())
	}
	return sum, nil
}

// file is nil beyond maxFiles.
func (t *Tail) file(name string) *file {
	name = strings.TrimSuffix(name, suffixInProgress)
	f := t.files[name]
	if f != nil || len(t.files) == maxFiles {
		return f
	}
	if t.files == nil {
		t.files = map[string]*file{}
	}
	f = &file{}
	t.files[name] = f
	return f
}

// read counts the whole lines beyond the offset. The program may put anything in
// place of its log, so no link is followed and nothing waits.
func (f *file) read(ctx context.Context, path string) error {
	if f.broken {
		return nil
	}
	in, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read from
	if _, err := in.Seek(f.offset, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(in, 64<<10)
	var long []byte
	for ctx.Err() == nil {
		line, n, err := next(lines, &long)
		if errors.Is(err, errEndless) {
			f.broken = true
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.tally.Add(line)
		f.offset += n
	}
	return nil
}

var errEndless = errors.New("a line has no end")

// next returns a line that is whole, and the bytes that it took; only the beginning
// of one that is too long or does not count. The line is valid until the next call.
func next(lines *bufio.Reader, long *[]byte) (line []byte, n int64, err error) {
	line, err = lines.ReadSlice('\n')
	n = int64(len(line))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimSuffix(line, []byte("\n")), n, err
	}
	wanted := counts(line)
	*long = append((*long)[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = lines.ReadSlice('\n')
		n += int64(len(line))
		if n > longest {
			return nil, n, errEndless
		}
		if wanted && len(*long) <= maxLine {
			*long = append(*long, line...)
		}
	}
	return *long, n, err
}
