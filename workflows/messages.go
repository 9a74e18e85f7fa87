package workflows

import (
	"time"

	"github.com/stoker-spark/stoker/job"
)

// Names of the workflow types.
const (
	TypeSparkBatchJob = "SparkBatchJob"
	TypeClusterWatch  = "ClusterWatch"
	TypeSweep         = "Sweep"
)

// Keys of the memo with which the jobs of the API start.
const (
	MemoName    = "name"
	MemoDigest  = "digest"
	MemoProfile = "profile"
)

// QueueCentral serves workflows, LOAD and status reports.
const QueueCentral = "spark"

// QueueControl serves what must stay fast on a cluster: reserve, submit,
// observe and kill.
func QueueControl(cluster string) string { return "spark." + cluster }

// QueueTransfer serves what moves data: stage, collect, the final report and
// clean, so that a long upload never delays a kill.
func QueueTransfer(cluster string) string { return "spark." + cluster + ".io" }

// ClusterWatchID is the id of a cluster's one ClusterWatch workflow.
func ClusterWatchID(cluster string) string { return "clusterwatch-" + cluster }

// Signals, updates and queries of SparkBatchJob.
const (
	// SignalCancel asks for the job's end. Any payload, or none, will do; an
	// object {"reason": …, "by": …} is shown to people.
	SignalCancel = "cancel"
	// SignalHint says that the application may have changed; it only wakes the
	// workflow, which then looks for itself. ClusterWatch sends HintFromWatch
	// with it; people need no payload.
	SignalHint = "hint"
	// HintFromWatch tells a job that its cluster is watched.
	HintFromWatch = "watch"
	// UpdateCancel is SignalCancel with an answer; it is refused once the job
	// has ended.
	UpdateCancel = "cancel"
	// QueryStatus answers a StatusView.
	QueryStatus = "status"
)

// Failure types of SparkBatchJob. A failed job is benign for Temporal's
// metrics: the user's program failed, not Stoker.
const (
	FailureJobFailed = "SparkJobFailed"
	FailureJobLost   = "SparkJobLost"
)

// Input starts a SparkBatchJob.
type Input struct {
	Key job.Key `json:"key"`
	// Request is the job itself where no other service holds it.
	Request *job.Request `json:"request,omitempty"`
	// Adopt follows what an earlier history, which is lost, has launched; nothing is
	// launched.
	Adopt bool `json:"adopt,omitempty"`
	// Carry is set by continue-as-new only.
	Carry *Carry `json:"carry,omitempty"`
}

// Result is what a SparkBatchJob returns, also as the details of its failure.
type Result struct {
	Outcome     job.Outcome `json:"outcome"`
	Cluster     string      `json:"cluster,omitempty"`
	Application string      `json:"application,omitempty"`
	Attempts    int         `json:"attempts,omitempty"`
	WaitingAt   time.Time   `json:"waitingAt,omitzero"`
	RunningAt   time.Time   `json:"runningAt,omitzero"`
	EndedAt     time.Time   `json:"endedAt,omitzero"`
	// CleanProblem says why something may be left on the cluster.
	CleanProblem string `json:"cleanProblem,omitempty"`
}

// CancelRequest asks for a job's end.
type CancelRequest struct {
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// CancelReply answers UpdateCancel.
type CancelReply struct {
	// Phase the job was in when the request was taken.
	Phase job.Phase `json:"phase"`
}

// StatusView answers QueryStatus.
type StatusView struct {
	Phase       job.Phase    `json:"phase"`
	Outcome     *job.Outcome `json:"outcome"`
	Cluster     string       `json:"cluster,omitempty"`
	Application string       `json:"application,omitempty"`
	Attempt     int          `json:"attempt,omitempty"`
	// Spec of the job, once it was loaded.
	Spec *job.Spec `json:"spec,omitempty"`
	// Observation is the cluster's last word.
	Observation job.Observation `json:"observation,omitzero"`
	SubmittedAt time.Time       `json:"submittedAt,omitzero"`
	WaitingAt   time.Time       `json:"waitingAt,omitzero"`
	RunningAt   time.Time       `json:"runningAt,omitzero"`
	EndedAt     time.Time       `json:"endedAt,omitzero"`
	DeadlineAt  time.Time       `json:"deadlineAt,omitzero"`
	// OutageSince is when the cluster was last reached, while it cannot be.
	OutageSince time.Time `json:"outageSince,omitzero"`
	// Obstacle says what the job is waiting for, for people.
	Obstacle string `json:"obstacle,omitempty"`
	// Cancel is the request that is being carried out.
	Cancel *CancelRequest `json:"cancel,omitempty"`
}

// Carry is what a continued run takes over from the one before.
type Carry struct {
	Spec        job.Spec        `json:"spec"`
	Digest      string          `json:"digest"`
	Attempt     int             `json:"attempt"`
	Crowded     int             `json:"crowded,omitempty"`
	Application string          `json:"application"`
	Phase       job.Phase       `json:"phase"`
	PhaseSince  time.Time       `json:"phaseSince,omitzero"`
	Observation job.Observation `json:"observation,omitzero"`
	Looks       int             `json:"looks,omitempty"`
	Watched     bool            `json:"watched,omitempty"`
	Absences    int             `json:"absences,omitempty"`
	Turn        int             `json:"turn,omitempty"`
	StartedAt   time.Time       `json:"startedAt,omitzero"`
	WaitingAt   time.Time       `json:"waitingAt,omitzero"`
	RunningAt   time.Time       `json:"runningAt,omitzero"`
	DeadlineAt  time.Time       `json:"deadlineAt,omitzero"`
	OutageSince time.Time       `json:"outageSince,omitzero"`
	Reported    job.Milestone   `json:"reported,omitempty"`
	Attributes  attributes      `json:"attributes,omitzero"`
}
