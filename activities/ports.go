package activities

import (
	"context"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/logstore"
	"github.com/stoker-spark/stoker/store/parts"
)

// Source is where jobs come from and where reports about them go.
// Implementations are idempotent and return job.Error codes; unauthorized is
// retried, because rights at a registry come back.
type Source interface {
	// Load reads and validates a job. Problems of the job itself are in the
	// result, not the error.
	Load(ctx context.Context, ref job.Ref) (job.Intake, error)
	// Manifest reads the whole job, with content, for staging.
	Manifest(ctx context.Context, ref job.Ref) (job.Manifest, job.Intake, error)
	// Report tells the source; it never takes a job back to an earlier
	// milestone and never changes how a job ended. It returns how the job stood
	// before the report.
	Report(ctx context.Context, id string, report job.Report) (job.Standing, error)
	// LogLimits says how much of stdout and stderr a final report should carry.
	LogLimits() (stdout, stderr job.LogLimit)
}

// Cluster is one cluster as its worker sees it.
type Cluster struct {
	Name string
	// Installation that this worker belongs to.
	Installation string
	Manager      spark.Manager
	// Stores holds the job's files; the job directories are under Root of the
	// default store.
	Stores store.Set
	Root   string
	// Logs is the cluster's log store.
	Logs *logstore.Store
	// Artifacts is the directory of uploaded files, a path in the default store.
	Artifacts string
	// HostFiles are the files of the worker's host that programs may use, of a cluster whose
	// default store is that host's; nil where no store's files are the host's.
	HostFiles HostFiles
	// UnverifiableInputs says what to do with input URLs no store can check.
	UnverifiableInputs store.Policy
	// Header says what happens to the header lines of CSV parts.
	Header parts.Header
	Limits Limits
}

// HostFiles are some of the files of a host.
type HostFiles interface {
	// Hold reports whether a path is one of them, wherever its symbolic links lead. A path
	// that leads nowhere answers errors.Is with fs.ErrNotExist.
	Hold(ctx context.Context, path string) (bool, error)
}

// Limits of what may be collected, in bytes.
type Limits struct {
	// OutputBytes bounds one embedded output, OutputsBytes all of a job.
	OutputBytes  int64
	OutputsBytes int64
}
