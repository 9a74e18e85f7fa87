// Package parts gathers an output of a job, which is a file or the directory of
// part files that Spark writes, into one stream of bytes. It knows which files
// are parts, their order and what to do with a header line that each of them
// repeats; where the bytes go is the caller's business.
//
// # What is collected
//
// Files of the directory in part order: "part-00002…" by number, files of one
// task by the counter that follows ".c", everything else after them in byte order.
// Names that begin with '_' or '.' are left out ("_SUCCESS", ".part-00000.crc").
// Any other directory inside is refused.
//
// A directory without parts is an output that is there and empty, 0 bytes: that
// is how Spark may write a data frame without rows. But one that holds
// "_temporary" and no "_SUCCESS" was never committed, and is refused: it may hold
// some of its parts and not others.
//
// # What comes out
//
// The bytes of the parts one after the other, nothing added and, but for
// repeated headers (see Header), nothing taken away. In particular no newline is
// put between a part that lacks one at its end and the next. Compressed parts
// come out as they are: joined gzip, bzip2 and zstd files are valid files again;
// headers inside them stay.
package parts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// Options of Collect and CollectTo.
type Options struct {
	// Name of the output, for messages; its path when empty.
	Name string
	// Format is "CSV", "JSON", … in any case, "" when unknown.
	Format string
	// Header says what becomes of repeated header lines; HeaderAuto when empty.
	Header Header
	// MaxBytes bounds the sum of the parts' sizes; 0 is no limit.
	MaxBytes int64
	// Progress, if not nil, is told the bytes passed on so far, often, from the
	// goroutine that collects; 0 while the parts are still looked at for a header.
	Progress func(done int64)
}

// Result of Collect and CollectTo.
type Result struct {
	// Bytes passed on.
	Bytes int64
	// Parts counts the files read, empty ones included.
	Parts int
	// SHA256 of the bytes passed on, in hexadecimal.
	SHA256 string
	// HeaderDropped counts the parts that lost a repeated header.
	HeaderDropped int
}

// Size of an output before it is collected.
type Size struct {
	// Bytes is the sum of the parts' sizes, repeated headers included.
	Bytes int64
	// Parts counts the files, empty ones included.
	Parts int
	// Directory tells a directory of parts from a file.
	Directory bool
}

var (
	// ErrTooLarge is what a *TooLargeError is.
	ErrTooLarge = errors.New("output is too large")
	// ErrChanged says that a part's size was not what the store had said, or that
	// it was gone. The error has code unavailable: collecting again may succeed.
	ErrChanged = errors.New("output changed while it was collected")
)

// TooLargeError says that an output is over its limit; nothing was written. It
// answers errors.Is with ErrTooLarge and has code invalid.
type TooLargeError struct {
	Name string
	// Size and Limit in bytes.
	Size, Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("output %q is %d bytes, over its limit of %d bytes; write less, or write it to a URL of your own", e.Name, e.Size, e.Limit)
}

// Unwrap makes the error a job error of code invalid, too.
func (e *TooLargeError) Unwrap() []error {
	return []error{ErrTooLarge, &job.Error{Code: job.CodeInvalid, Message: ErrTooLarge.Error()}}
}

// Measure sizes an output without reading it. Its errors are those of Collect, and
// call the output by the last part of its path.
func Measure(ctx context.Context, st store.Store, src string) (Size, error) {
	o, err := find(ctx, st, src, baseName(src))
	if err != nil {
		return Size{}, err
	}
	return o.size(), nil
}

// output is what was found under a path.
type output struct {
	name      string
	directory bool
	parts     []store.Info
}

func (o output) size() Size {
	s := Size{Parts: len(o.parts), Directory: o.directory}
	for _, p := range o.parts {
		s.Bytes += p.Size
	}
	return s
}

func find(ctx context.Context, st store.Store, src, name string) (output, error) {
	info, err := st.Stat(ctx, src)
	if err != nil {
		return output{}, failure(name, src, err)
	}
	if !info.Dir {
		return output{name: name, parts: []store.Info{info}}, nil
	}
	entries, err := st.List(ctx, src)
	if err != nil {
		return output{}, failure(name, src, err)
	}
	found := output{name: name, directory: true}
	var directories []string
	committed, temporary := false, false
	for _, e := range entries {
		base := baseName(e.Path)
		switch {
		case strings.HasPrefix(base, "_"), strings.HasPrefix(base, "."):
			committed = committed || base == "_SUCCESS"
			temporary = temporary || base == "_temporary" && e.Dir
		case e.Dir:
			directories = append(directories, base)
		default:
			found.parts = append(found.parts, e)
		}
	}
	if len(directories) > 0 {
		return output{}, job.Errorf(job.CodeInvalid, "output %q: %q holds directories, not parts (%d of them, the first is %q); write it without partitionBy, or to a URL of your own",
			name, src, len(directories), directories[0])
	}
	if temporary && !committed {
		return output{}, job.Errorf(job.CodeInvalid, `output %q: %q was not committed: it holds "_temporary" and no "_SUCCESS"; the write that made it failed`, name, src)
	}
	slices.SortFunc(found.parts, func(a, b store.Info) int { return comparePartNames(baseName(a.Path), baseName(b.Path)) })
	return found, nil
}

// failure names the output in a store's error, and gives those an error code
// that came without one.
func failure(name, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return job.Errorf(job.CodeNotFound, "output %q: nothing is at %q; the job must write it there: %w", name, path, err)
	}
	code := job.CodeOf(err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		code = job.CodeUnauthorized
	case code == job.CodeInternal: // a store that doesn't speak in job errors could not be asked
		code = job.CodeUnavailable
	}
	return job.Errorf(code, "output %q: %w", name, err)
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
