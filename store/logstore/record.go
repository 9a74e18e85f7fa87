package logstore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

const (
	fileRecord = "record.json"
	// dirRecords lies in the root, where no job has a name that begins with a dot.
	dirRecords = ".records"
	// maxRecord bounds what is read, in bytes: a request of 256 KiB may be in it, of which
	// encoding/json makes six times as much where it is full of '<' and '&'.
	maxRecord = 4 << 20
	// hourLayout names the directory of the records that were kept in an hour, in UTC.
	hourLayout = "20060102-15"
)

var hourName = regexp.MustCompile(`^[0-9]{8}-[0-9]{2}$`)

// PutRecord keeps what is to be known of an ended job:
//
//	<root>/<job>/record.json             the job.Record
//	<root>/.records/<YYYYMMDD-HH>/<job>  the same without the request, by the hour it was
//	                                     kept in: an index, to which entries are only added
//
// An index entry is made after the record. Done again it replaces the record, and may
// make an entry in another hour. A record that is too large is an error of code invalid.
func (s *Store) PutRecord(ctx context.Context, r job.Record) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if err := s.putRecord(ctx, path.Join(s.root, r.ID, fileRecord), r); err != nil {
		return err
	}
	r.Request = nil
	return s.putRecord(ctx, path.Join(s.root, dirRecords, time.Now().UTC().Format(hourLayout), r.ID), r)
}

func (s *Store) putRecord(ctx context.Context, name string, r job.Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return job.Errorf(job.CodeInternal, "write %s: %w", name, err)
	}
	if len(data) > maxRecord {
		return job.Errorf(job.CodeInvalid, "write %s: it holds %d bytes, more than %d", name, len(data), maxRecord)
	}
	_, err = s.files.Write(ctx, name, strings.NewReader(string(data)+"\n"), modeFile)
	return failure("write "+name, err)
}

func checkID(id string) error { return job.AttemptOf(id, 1).Validate() }

// Record reads what is kept of a job; nil if there is nothing.
func (s *Store) Record(ctx context.Context, id string) (*job.Record, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	return s.readRecord(ctx, path.Join(s.root, id, fileRecord), id)
}

func (s *Store) readRecord(ctx context.Context, name, id string) (*job.Record, error) {
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

// Hours lists the hours of the index, the latest first.
func (s *Store) Hours(ctx context.Context) ([]string, error) {
	names, err := s.names(ctx, path.Join(s.root, dirRecords))
	names = slices.DeleteFunc(names, func(name string) bool { return !hourName.MatchString(name) })
	slices.Reverse(names)
	return names, err
}

// Hour lists the jobs whose records were kept in an hour.
func (s *Store) Hour(ctx context.Context, hour string) ([]string, error) {
	names, err := s.names(ctx, path.Join(s.root, dirRecords, hour))
	return slices.DeleteFunc(names, func(name string) bool { return checkID(name) != nil }), err
}

// Indexed reads an index entry; nil if it is not there.
func (s *Store) Indexed(ctx context.Context, hour, id string) (*job.Record, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	return s.readRecord(ctx, path.Join(s.root, dirRecords, hour, id), id)
}

// names lists a directory; nothing there is nothing.
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
	return names, nil
}
