package activities

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// writers is how many files of a job are written at a time: what a small file costs
// on a distributed store is waiting.
const writers = 8

// putAll makes directories and writes files, all below the job directory, until
// the first failure.
func (s *staging) putAll(ctx context.Context, dirs []string, files []job.WorkFile) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, dir := range dirs {
		group.Go(func() error {
			if err := s.store.MkdirAll(ctx, path.Join(s.dir, dir), modeDir); err != nil {
				return storeError("make the directory "+dir, err)
			}
			return nil
		})
	}
	var written atomic.Int64
	for _, f := range files {
		group.Go(func() error {
			n, err := s.put(ctx, f)
			written.Add(n)
			return err
		})
	}
	err := group.Wait()
	s.record.Bytes += written.Load()
	return err
}

func (s *staging) put(ctx context.Context, f job.WorkFile) (int64, error) {
	n, err := s.store.Write(ctx, path.Join(s.dir, f.Path), bytes.NewReader(f.Content), modeFile)
	s.progress.add(n)
	if err != nil {
		return n, storeError("stage "+f.Path, err)
	}
	return n, nil
}

// commit writes staged.json, unless the attempt was revoked meanwhile: then
// somebody may be cleaning what a late attempt of this activity would leave.
func (s *staging) commit(ctx context.Context) error {
	switch _, err := s.store.Stat(ctx, path.Join(s.dir, spark.FileRevoked)); {
	case err == nil:
		return job.Errorf(job.CodeConflict, "the attempt was revoked while it was staged")
	case !errors.Is(err, fs.ErrNotExist):
		return storeError("look for a revocation", err)
	}
	record, err := jsonFile(spark.FileStaged, s.record)
	if err != nil {
		return err
	}
	_, err = s.put(ctx, record)
	return err
}
