package activities

import (
	"errors"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/archive"
)

// Transfer are the activities that move data, on a cluster's own io queue:
// content never leaves the cluster's edge but for its source.
type Transfer struct {
	clusters clusters
	sources  sources
	// patience is how long to wait for logs.
	patience time.Duration
}

// NewTransfer makes the transfer activities of some clusters.
func NewTransfer(byName map[string]Cluster, bySource map[string]Source) (*Transfer, error) {
	if err := validateClusters(byName); err != nil {
		return nil, err
	}
	if len(bySource) == 0 {
		return nil, errors.New("transfer activities need at least one source of jobs")
	}
	return &Transfer{clusters: byName, sources: bySource, patience: archive.Patience}, nil
}

// staged is the content of staged.json: what COLLECT must know of the attempt.
type staged struct {
	Digest      string         `json:"digest"`
	Application string         `json:"application"`
	Outputs     []stagedOutput `json:"outputs"`
	Bytes       int64          `json:"bytes"`
}

// stagedOutput is one embedded output, where the job is to write it.
type stagedOutput struct {
	// Index of the asset in the source's list.
	Index    int    `json:"index"`
	FileName string `json:"fileName"`
	Format   string `json:"format,omitempty"`
	// Path in the cluster's default store.
	Path string `json:"path"`
}

// CollectInput names the attempt whose outputs to gather.
type CollectInput struct {
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
}

// CollectResult lists what is wrong with the outputs; nothing if all were
// gathered.
type CollectResult struct {
	Problems []string `json:"problems,omitempty"`
	Bytes    int64    `json:"bytes,omitempty"`
}

// CleanInput names the attempt to clean.
type CleanInput struct {
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
	// Record of the job to keep, if this is its end.
	Record *job.Record `json:"record,omitempty"`
	// EndedBefore: an earlier history of the job told its end, and a record that is
	// there is that one's and stays.
	EndedBefore bool `json:"endedBefore,omitempty"`
}

// ArchiveInput is the record of a job that leaves nothing to clean.
type ArchiveInput struct {
	Cluster string     `json:"cluster"`
	Record  job.Record `json:"record"`
	// EndedBefore is that of CleanInput.
	EndedBefore bool `json:"endedBefore,omitempty"`
}

// EndOnRecordInput names a job that may have ended in an earlier history.
type EndOnRecordInput struct {
	Cluster string `json:"cluster"`
	// Job is its name.
	Job string `json:"job"`
}

// EndOnRecordResult is how it ended then; an Outcome that is nil is no record.
type EndOnRecordResult struct {
	Outcome     *job.Outcome `json:"outcome,omitempty"`
	Application string       `json:"application,omitempty"`
	Attempts    int          `json:"attempts,omitempty"`
	WaitingAt   time.Time    `json:"waitingAt,omitzero"`
	RunningAt   time.Time    `json:"runningAt,omitzero"`
	EndedAt     time.Time    `json:"endedAt,omitzero"`
}
