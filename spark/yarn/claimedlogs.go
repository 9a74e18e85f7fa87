package yarn

import (
	"context"
	"io"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

var (
	_ spark.LogCopier  = (*Claimed)(nil)
	_ spark.Progresser = (*Claimed)(nil)
	_ spark.Lister     = (*Claimed)(nil)
)

// Live implements spark.Lister.
func (c *Claimed) Live(ctx context.Context) ([]spark.Sighting, error) { return c.m.Live(ctx) }

// applicationOf is the id of an attempt's application, "" if there is none, or none
// yet.
func (c *Claimed) applicationOf(ctx context.Context, attempt job.Attempt) (string, error) {
	return c.m.applications.of(attempt, func() (string, error) {
		dir, reservation, err := c.m.look(ctx, attempt)
		if err != nil || reservation == nil {
			return "", err
		}
		return c.identify(ctx, dir, *reservation)
	})
}

// notYet is the error while an application's id is not known.
func (c *Claimed) notYet(attempt job.Attempt) error {
	return job.Errorf(job.CodeUnavailable, "which application %s has on cluster %s is not known yet", attempt, c.m.opts.Cluster)
}

// LogStreams implements spark.LogCopier.
func (c *Claimed) LogStreams(ctx context.Context, attempt job.Attempt) ([]string, error) {
	id, err := c.applicationOf(ctx, attempt)
	if err != nil || id == "" {
		return firstStreams(), err
	}
	return c.m.logStreams(ctx, id)
}

// LogSizes implements spark.LogCopier.
func (c *Claimed) LogSizes(ctx context.Context, attempt job.Attempt) (map[string]int64, error) {
	id, err := c.applicationOf(ctx, attempt)
	if err == nil && id == "" {
		err = c.notYet(attempt)
	}
	if err != nil {
		return nil, err
	}
	return c.m.logSizes(ctx, id)
}

// CopyLog implements spark.LogCopier. Where spark-submit sent nothing, its own
// output is all that there is.
func (c *Claimed) CopyLog(ctx context.Context, attempt job.Attempt, stream string, from int64, w io.Writer) (spark.LogCopy, error) {
	id, err := c.applicationOf(ctx, attempt)
	if err != nil {
		return spark.LogCopy{}, err
	}
	if id != "" {
		return c.m.copyLog(ctx, attempt, id, stream, from, w)
	}
	for {
		data, size, err := c.Logs(ctx, attempt, stream, from, maxRecord)
		if err != nil || len(data) == 0 {
			return spark.LogCopy{Size: size}, err
		}
		if _, err := w.Write(data); err != nil {
			return spark.LogCopy{}, err
		}
		from += int64(len(data))
	}
}

// Progress implements spark.Progresser.
func (c *Claimed) Progress(ctx context.Context, attempt job.Attempt) (job.Progress, error) {
	id, err := c.applicationOf(ctx, attempt)
	if err == nil && id == "" {
		err = c.notYet(attempt)
	}
	if err != nil {
		return job.Progress{}, err
	}
	return c.m.progress(ctx, id)
}
