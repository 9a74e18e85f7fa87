// Package logstore keeps the logs of jobs after, and while, they run: what their
// applications wrote to stdout and stderr, byte for byte, and how far they are. It
// knows neither clusters nor workflows, and nobody needs more than this directory
// to read it.
//
// # Format
//
//	<root>/<job>/<attempt>/<stream>/<offset>   a chunk of the stream
//	<root>/<job>/<attempt>/manifest.json       written at the end; see Manifest
//	<root>/<job>/<attempt>/progress.json       job.Progress, at most 1 KiB, replaced as a whole
//
// A chunk's name is the offset of its first byte in the stream, in 20 decimal
// digits; its size is how many bytes follow. Chunks never change. The stream is the
// longest run of chunks from offset 0 on that leaves no gap: its end is where the
// next chunk begins, and that is all a writer has to know. Other names are ignored.
//
// A chunk is created exclusively and whole. Of two writers at the same offset one
// wins; the other looks again and goes on behind it. Since both copy the same log,
// it does not matter which, nor would chunks that overlap.
//
// A stream is "stdout" or "stderr"; one that begins anew, as with the second master
// of an application, is "stdout.2".
//
// # Errors
//
// All are job.Error: invalid for names that are none, unauthorized, not_found for
// chunks that are deleted while they are read, internal for records that are not
// JSON, and otherwise unavailable, which is worth a retry. Nothing there is no error.
package logstore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

const (
	fileManifest = "manifest.json"
	fileProgress = "progress.json"

	modeFile fs.FileMode = 0o600
	// maxManifest and maxProgress bound what is read, in bytes.
	maxManifest = 64 << 10
	maxProgress = 1 << 10
)

// Store is the log store of one cluster.
type Store struct {
	files store.Store
	root  string
}

// New makes a Store below a root, an absolute path in files.
func New(files store.Store, root string) *Store { return &Store{files: files, root: path.Clean(root)} }

// Check makes the root, if need be, so that who may not write there learns it early.
func (s *Store) Check(ctx context.Context) error {
	return failure("make the log store "+s.root, s.files.MkdirAll(ctx, s.root, 0o700))
}

// Attempt returns the logs of one attempt of a job, there or not.
func (s *Store) Attempt(a job.Attempt) (*Logs, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	return &Logs{files: s.files, dir: path.Join(s.root, a.Job, strconv.Itoa(a.Number))}, nil
}

// Logs are those of one attempt.
type Logs struct {
	files store.Store
	dir   string
}

// streamName is one that no other file of the format has.
var streamName = regexp.MustCompile(`^[a-z]+(\.[1-9][0-9]{0,5})?$`)

// Stream returns one of the attempt's streams, there or not.
func (l *Logs) Stream(name string) (*Stream, error) {
	if !streamName.MatchString(name) {
		return nil, job.Errorf(job.CodeInvalid, "%q is no log of a job, such as stdout", job.Head(name, 100))
	}
	return &Stream{files: l.files, dir: path.Join(l.dir, name)}, nil
}

// Streams lists the streams that have chunks, or may have, in byte order.
func (l *Logs) Streams(ctx context.Context) ([]string, error) {
	entries, err := l.files.List(ctx, l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if name := path.Base(e.Path); e.Dir && streamName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, failure("list the logs in "+l.dir, err)
}

// Manifest says what the logs of an ended application are.
type Manifest struct {
	Job     string `json:"job"`
	Attempt int    `json:"attempt"`
	// Application is "" if none was reserved.
	Application string `json:"application,omitempty"`
	// EndedAt is when the application ended, by the cluster's clock, as far as known.
	EndedAt time.Time `json:"endedAt,omitzero"`
	// ArchivedAt is when this was written.
	ArchivedAt time.Time `json:"archivedAt"`
	// Complete: nothing of any stream is missing. Else Notes say why.
	Complete bool        `json:"complete"`
	Streams  []StreamEnd `json:"streams"`
	Notes    []string    `json:"notes,omitempty"`
}

// StreamEnd is what a stream held when the manifest was written. One that nothing
// was written to has no chunks.
type StreamEnd struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	Chunks int    `json:"chunks"`
	// Complete: these are all the bytes that there ever were.
	Complete bool `json:"complete"`
}

// Manifest reads the manifest; nil if there is none yet.
func (l *Logs) Manifest(ctx context.Context) (*Manifest, error) {
	return readJSON[Manifest](ctx, l, fileManifest, maxManifest)
}

// Finish writes the manifest, in place of one that is there.
func (l *Logs) Finish(ctx context.Context, m Manifest) error { return l.replace(ctx, fileManifest, m) }

// Progress reads how far the application was when that was last seen; nil if it
// never was.
func (l *Logs) Progress(ctx context.Context) (*job.Progress, error) {
	return readJSON[job.Progress](ctx, l, fileProgress, maxProgress)
}

// SetProgress replaces what Progress reads.
func (l *Logs) SetProgress(ctx context.Context, p job.Progress) error {
	return l.replace(ctx, fileProgress, p)
}

func (l *Logs) replace(ctx context.Context, name string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return job.Errorf(job.CodeInternal, "write %s: %w", name, err)
	}
	_, err = l.files.Write(ctx, path.Join(l.dir, name), strings.NewReader(string(data)+"\n"), modeFile)
	return failure("write "+path.Join(l.dir, name), err)
}

func readJSON[T any](ctx context.Context, l *Logs, name string, most int64) (*T, error) {
	file := path.Join(l.dir, name)
	in, err := l.files.Open(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure("read "+file, err)
	}
	defer func() { _ = in.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, failure("read "+file, err)
	}
	var record T
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, job.Errorf(job.CodeInternal, "%s cannot be read: %w", file, err)
	}
	return &record, nil
}

// failure of the file system: what is forbidden stays so, all else may pass.
func failure(what string, err error) error {
	var known *job.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return job.Errorf(job.CodeUnauthorized, "%s: %w", what, err)
	case errors.Is(err, fs.ErrNotExist):
		return job.Errorf(job.CodeNotFound, "%s: %w", what, err)
	case errors.As(err, &known):
		return job.Errorf(known.Code, "%s: %w", what, err)
	}
	return job.Errorf(job.CodeUnavailable, "%s: %w", what, err)
}

// fileFollower lies in the root, where no job has a name that begins with a dot.
const (
	fileFollower = ".follower"
	maxFollower  = 1 << 10
)

// Follower reads who said last that it copies this cluster's running logs, "" for
// nobody. It is a courtesy between workers, so that one of them does it: nothing
// goes wrong if several do.
func (s *Store) Follower(ctx context.Context) (string, error) {
	in, err := s.files.Open(ctx, path.Join(s.root, fileFollower))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", failure("read who follows the logs in "+s.root, err)
	}
	defer func() { _ = in.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(in, maxFollower))
	return strings.TrimSpace(string(text)), failure("read who follows the logs in "+s.root, err)
}

// SetFollower replaces what Follower reads.
func (s *Store) SetFollower(ctx context.Context, who string) error {
	_, err := s.files.Write(ctx, path.Join(s.root, fileFollower), strings.NewReader(who+"\n"), modeFile)
	return failure("note who follows the logs in "+s.root, err)
}
