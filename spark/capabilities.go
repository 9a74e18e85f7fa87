package spark

import (
	"context"
	"io"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// LogCopier is a Manager that copies logs for less than many calls of Logs cost,
// and knows when they are whole.
type LogCopier interface {
	// LogStreams lists the streams of an application that has ended: "stdout" and
	// "stderr" and, where it began anew on the same attempt, "stdout.2" and so on.
	LogStreams(ctx context.Context, attempt job.Attempt) ([]string, error)

	// LogSizes says how long each stream of a running application is, in bytes, in
	// one request to the cluster.
	LogSizes(ctx context.Context, attempt job.Attempt) (map[string]int64, error)

	// CopyLog writes a stream from a byte offset to its present end, in bounded
	// memory. If w fails, its error is returned as it is.
	CopyLog(ctx context.Context, attempt job.Attempt, stream string, from int64, w io.Writer) (LogCopy, error)
}

// LogCopy says what a copy found.
type LogCopy struct {
	// Size of the stream in bytes; less than where the copy began if the stream is
	// not the one that it was.
	Size int64
	// Growing: the application may still write to it.
	Growing bool
}

// Progresser is a Manager that can ask a running application how far it is.
type Progresser interface {
	// Progress is not_found where the application does not tell, and unavailable
	// where it may another time.
	Progress(ctx context.Context, attempt job.Attempt) (job.Progress, error)
}

// Marker is a Manager with more markers than spark.IsMarker knows.
type Marker interface {
	// IsMarker reports whether Release leaves a file of this name.
	IsMarker(name string) bool
}

// OrphanKiller is a Manager that knows its applications without their directories.
type OrphanKiller interface {
	// KillOrphan ends an application whose attempt has no reservation, and returns nil
	// when it is confirmed gone or never was. One that does not say that it is this
	// installation's and this attempt's is a conflict.
	KillOrphan(ctx context.Context, attempt job.Attempt, application, reason string) error
}

// Ager is a Manager that answers from a snapshot of its cluster, and knows how old that is.
type Ager interface {
	// SnapshotAt is when the last snapshot that came was asked for; zero before the first.
	SnapshotAt() time.Time
}

// Lister is a Manager that lists what lives for less than Snapshot, and without
// Snapshot's memory of what its caller has seen.
type Lister interface {
	// Live lists the live applications of this installation on this cluster as they
	// were some seconds ago at most.
	Live(ctx context.Context) ([]Sighting, error)
}
