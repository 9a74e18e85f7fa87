package logstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

const (
	fileRecord = "record.json"
	// dirRecords lies in the root, where no job has a name that begins with a dot.
	dirRecords = ".records"
	// maxRecord bounds what is read, in bytes: a request of 256 KiB may be in it.
	maxRecord = 1 << 20
	// hourLayout is the directory of the entries of an hour.
	hourLayout = "20060102/15"
)

// Entry is a place in the index of records.
type Entry struct {
	// RunAt as in the record, to the millisecond.
	RunAt time.Time
	// ID of the job.
	ID string
}

// Before reports whether e comes before another in the order of the index: latest
// first, and then by id, backwards.
func (e Entry) Before(other Entry) bool {
	if c := e.RunAt.Compare(other.RunAt); c != 0 {
		return c > 0
	}
	return e.ID > other.ID
}

// PutRecord keeps what is to be known of an ended job:
//
//	<root>/<job>/record.json                        the job.Record
//	<root>/.records/<YYYYMMDD>/<HH>/<millis>-<job>  empty; its name is the Entry, in UTC
//
// The entry is made first: one without a record is passed over. Done again it
// replaces the record.
func (s *Store) PutRecord(ctx context.Context, r job.Record) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return job.Errorf(job.CodeInternal, "write the record of %s: %w", r.ID, err)
	}
	if len(data) > maxRecord {
		return job.Errorf(job.CodeInternal, "the record of %s holds %d bytes, more than %d", r.ID, len(data), maxRecord)
	}
	entry := s.entryPath(Entry{RunAt: r.RunAt, ID: r.ID})
	if err := s.files.Create(ctx, entry, nil, modeFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return failure("index the record of "+r.ID, err)
	}
	name := path.Join(s.root, r.ID, fileRecord)
	_, err = s.files.Write(ctx, name, strings.NewReader(string(data)+"\n"), modeFile)
	return failure("write "+name, err)
}

func (s *Store) entryPath(e Entry) string {
	at := e.RunAt.UTC()
	return path.Join(s.root, dirRecords, at.Format(hourLayout), fmt.Sprintf("%d-%s", at.UnixMilli(), e.ID))
}

func checkID(id string) error { return job.AttemptOf(id, 1).Validate() }

// Record reads what is kept of a job; nil if there is nothing.
func (s *Store) Record(ctx context.Context, id string) (*job.Record, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	name := path.Join(s.root, id, fileRecord)
	in, err := s.files.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure("read "+name, err)
	}
	defer func() { _ = in.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(in, maxRecord+1))
	if err != nil {
		return nil, failure("read "+name, err)
	}
	var r job.Record
	if err := json.Unmarshal(data, &r); err != nil || r.ID != id {
		return nil, job.Errorf(job.CodeInternal, "%s is no record of job %s", name, id)
	}
	return &r, nil
}

var entryName = regexp.MustCompile(`^([0-9]{1,15})-(.+)$`)

// Records calls each for the entries of the index from a place on, the latest first,
// until it returns false or there are no more. The zero Entry begins with the latest.
func (s *Store) Records(ctx context.Context, from Entry, each func(Entry) bool) error {
	days, err := s.names(ctx, path.Join(s.root, dirRecords))
	if err != nil {
		return err
	}
	for _, day := range days {
		if !from.RunAt.IsZero() && day > from.RunAt.UTC().Format("20060102") {
			continue
		}
		hours, err := s.names(ctx, path.Join(s.root, dirRecords, day))
		if err != nil {
			return err
		}
		for _, hour := range hours {
			if !from.RunAt.IsZero() && day+"/"+hour > from.RunAt.UTC().Format(hourLayout) {
				continue
			}
			entries, err := s.hour(ctx, path.Join(s.root, dirRecords, day, hour))
			if err != nil {
				return err
			}
			for _, e := range entries {
				if !from.RunAt.IsZero() && e.Before(from) {
					continue
				}
				if !each(e) {
					return nil
				}
			}
		}
	}
	return nil
}

// hour lists the entries of a directory in order.
func (s *Store) hour(ctx context.Context, dir string) ([]Entry, error) {
	names, err := s.names(ctx, dir)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(names))
	for _, name := range names {
		m := entryName.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		millis, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			continue // no entry
		}
		entries = append(entries, Entry{RunAt: time.UnixMilli(millis).UTC(), ID: m[2]})
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		switch {
		case a.Before(b):
			return -1
		case b.Before(a):
			return 1
		}
		return 0
	})
	return entries, nil
}

// names lists a directory backwards; nothing there is nothing.
func (s *Store) names(ctx context.Context, dir string) ([]string, error) {
	infos, err := s.files.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure("list "+dir, err)
	}
	names := make([]string, 0, len(infos))
	for _, info := range infos {
		names = append(names, path.Base(info.Path))
	}
	slices.Reverse(names)
	return names, nil
}
