package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/archive"
	"github.com/stoker-spark/stoker/store/logstore"
)

const (
	// patientTries is how many tries of an activity wait for logs that a cluster
	// gathers only after the end; later ones take what is there.
	patientTries = 3
	// storeTries is how often CLEAN waits for a log store that can't be written:
	// then the logs are given up.
	storeTries = 5
	// readLimit bounds the reading of what a report carries.
	readLimit = 10 * time.Second
)

// archiveLogs brings the rest of an attempt's logs into the log store. Done again it
// does nothing, or completes what was incomplete if again is set. An error and a manifest
// together mean that the store was full.
func (t *Transfer) archiveLogs(ctx context.Context, cluster Cluster, attempt job.Attempt, again bool) (*logstore.Manifest, error) {
	patience := t.patience
	if activity.GetInfo(ctx).Attempt > patientTries {
		patience = 0
	}
	manifest, err := archive.Finish(ctx, archive.Final{
		Manager: cluster.Manager, Store: cluster.Logs, Attempt: attempt, Application: reservedFor(ctx, cluster, attempt),
		Patience: patience, Again: again,
	})
	if err != nil {
		activity.GetLogger(ctx).Warn("logs not archived", "job", attempt.Job, "cluster", cluster.Name, "error", err)
	}
	return manifest, err
}

// reservedFor is the id reserved for an attempt, "" if that can't be told.
func reservedFor(ctx context.Context, cluster Cluster, attempt job.Attempt) string {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	name := path.Join(spark.JobDir(cluster.Root, attempt), spark.FileReservation)
	data, err := readAtMost(ctx, cluster.Stores.Default, name, maxReservation)
	if err != nil {
		return ""
	}
	var reservation spark.Reservation
	if json.Unmarshal(data, &reservation) != nil {
		return ""
	}
	return reservation.Application
}

// maxReservation bounds reservation.json, in bytes.
const maxReservation = 64 << 10

// attachLogs archives the logs and gives a report as much of them as its source
// wants. What is missing is said in a note: how a job ended is told without its logs
// rather than not at all.
func (t *Transfer) attachLogs(ctx context.Context, cluster Cluster, attempt job.Attempt, report *job.Report, stdout, stderr job.LogLimit) {
	note := func(words string, err string) {
		report.Outcome.Notes = append(slices.Clone(report.Outcome.Notes), words+job.Head(err, job.MaxWord))
	}
	read := func(ctx context.Context, stream string, limit job.LogLimit) (string, error) {
		return readLog(ctx, cluster, attempt, stream, limit)
	}
	manifest, err := t.archiveLogs(ctx, cluster, attempt, false)
	if err == nil {
		read = func(ctx context.Context, stream string, limit job.LogLimit) (string, error) {
			return readArchived(ctx, cluster, attempt, *manifest, stream, limit)
		}
	}
	if manifest != nil && !manifest.Complete {
		note("the logs may be incomplete: ", strings.Join(manifest.Notes, "; "))
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if report.Stdout, err = read(ctx, "stdout", stdout); err == nil {
		report.Stderr, err = read(ctx, "stderr", stderr)
	}
	if err != nil {
		note("the logs could not be read: ", err.Error())
	}
}

// readArchived reads as much of an archived log as the source wants. Of an
// application that began anew it is the last that wrote any.
func readArchived(ctx context.Context, cluster Cluster, attempt job.Attempt, m logstore.Manifest, base string, limit job.LogLimit) (string, error) {
	if limit.Bytes <= 0 {
		return "", nil
	}
	logs, err := cluster.Logs.Attempt(attempt)
	if err != nil {
		return "", err
	}
	name := base
	for _, stream := range m.Streams {
		if strings.HasPrefix(stream.Name, base+".") && stream.Bytes > 0 {
			name = stream.Name
		}
	}
	stream, err := logs.Stream(name)
	if err != nil {
		return "", err
	}
	data, _, err := stream.Read(ctx, offsetOf(limit), limit.Bytes)
	return string(data), err
}

// readLog reads a log at the cluster, where the log store can't be used. A log that
// is not there is empty: an application may never have been launched.
func readLog(ctx context.Context, cluster Cluster, attempt job.Attempt, stream string, limit job.LogLimit) (string, error) {
	if limit.Bytes <= 0 {
		return "", nil
	}
	data, _, err := cluster.Manager.Logs(ctx, attempt, stream, offsetOf(limit), limit.Bytes)
	if errors.Is(err, fs.ErrNotExist) || job.CodeOf(err) == job.CodeNotFound {
		return "", nil
	}
	return string(data), err
}

func offsetOf(limit job.LogLimit) int64 {
	if limit.Tail {
		return -int64(limit.Bytes)
	}
	return 0
}
