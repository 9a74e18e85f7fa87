package logstore

import (
	"context"
	"path"
	"time"
)

// Expire deletes the logs and records of the jobs whose records were kept before a time,
// by whole hours, and returns how many jobs that were. A job without a record is kept.
func (s *Store) Expire(ctx context.Context, before time.Time) (jobs int, err error) {
	hours, err := s.Hours(ctx)
	if err != nil {
		return 0, err
	}
	for _, hour := range hours {
		begin, err := time.Parse(hourLayout, hour)
		if err != nil || begin.Add(time.Hour).After(before) {
			continue
		}
		ids, err := s.Hour(ctx, hour)
		if err != nil {
			return jobs, err
		}
		for _, id := range ids {
			// A record that was written again has an entry of a later hour, too.
			last, err := s.Record(ctx, id)
			if err != nil {
				return jobs, err
			}
			if last != nil && !last.EndedAt.Before(before) {
				continue
			}
			if err := s.files.RemoveAll(ctx, path.Join(s.root, id)); err != nil {
				return jobs, failure("delete the logs of "+id, err)
			}
			jobs++
		}
		if err := s.files.RemoveAll(ctx, path.Join(s.root, dirRecords, hour)); err != nil {
			return jobs, failure("delete the records of "+hour, err)
		}
	}
	return jobs, nil
}
