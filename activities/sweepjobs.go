package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// Temporal is what Sweep asks of the server.
type Temporal interface {
	// Namespace is the one that this process works in: its name and the id that no
	// other namespace ever has.
	Namespace(ctx context.Context) (name, id string, err error)
	// Workflow looks for one by its id, which is exact; visibility is not.
	Workflow(ctx context.Context, workflowID string) (WorkflowState, error)
	// Adopt starts the workflow of a job that an earlier history has launched, unless it
	// is there.
	Adopt(ctx context.Context, key job.Key, request *job.Request) error
	// Interrupted reads what a workflow that was ended from outside knew of its job.
	Interrupted(ctx context.Context, workflowID string) (InterruptedJob, error)
}

// WorkflowState is how a job's workflow is.
type WorkflowState struct {
	Found bool
	Open  bool
	// Interrupted: it was terminated, or timed out, and ran no code at its end.
	Interrupted bool
	ClosedAt    time.Time
}

// InterruptedJob is what is known of a job whose workflow was ended from outside.
type InterruptedJob struct {
	Key         job.Key      `json:"key"`
	Request     *job.Request `json:"request,omitempty"`
	Spec        job.Spec     `json:"spec,omitzero"`
	Phase       job.Phase    `json:"phase,omitempty"`
	SubmittedAt time.Time    `json:"submittedAt,omitzero"`
	RunAt       time.Time    `json:"runAt,omitzero"`
	WaitingAt   time.Time    `json:"waitingAt,omitzero"`
	RunningAt   time.Time    `json:"runningAt,omitzero"`
	RunID       string       `json:"runId,omitempty"`
}

// Sweep are the activities that find what jobs have left, on a cluster's io queue.
type Sweep struct {
	clusters clusters
	temporal Temporal
}

// NewSweep makes the sweep activities of some clusters.
func NewSweep(byName map[string]Cluster, temporal Temporal) (*Sweep, error) {
	if err := validateClusters(byName); err != nil {
		return nil, err
	}
	if temporal == nil {
		return nil, errors.New("sweep activities need temporal")
	}
	return &Sweep{clusters: byName, temporal: temporal}, nil
}

// Verdict is what Sweep makes of what it found.
type Verdict string

// The verdicts.
const (
	// VerdictInterrupted: the workflow was ended from outside, so nobody has ended its
	// application, told its source, and cleaned.
	VerdictInterrupted Verdict = "interrupted"
	// VerdictLeftover: the workflow has ended the job, and could not clean.
	VerdictLeftover Verdict = "leftover"
	// VerdictUnknown: Temporal does not know the workflow.
	VerdictUnknown Verdict = "unknown"
	// VerdictOrphan: an application of ours without a job directory, whose workflow has
	// ended.
	VerdictOrphan Verdict = "orphan"
	// VerdictUnknownOrphan: one whose workflow Temporal does not know. It may belong to
	// another installation of the same name, with another root.
	VerdictUnknownOrphan Verdict = "unknown-orphan"
)

// Verdicts lists them.
func Verdicts() []Verdict {
	return []Verdict{VerdictInterrupted, VerdictLeftover, VerdictUnknown, VerdictOrphan, VerdictUnknownOrphan}
}

// MetricSweepFindings counts what sweeps found, by cluster and verdict. What stays is
// found again by the next sweep.
const MetricSweepFindings = "stoker_sweep_findings_total"

// Finding is one attempt that was left.
type Finding struct {
	Verdict     Verdict     `json:"verdict"`
	Attempt     job.Attempt `json:"attempt"`
	Application string      `json:"application,omitempty"`
}

// mostFound bounds one sweep: the next one finds the rest.
const mostFound = 200

// SweepListInput says where to look.
type SweepListInput struct {
	Cluster string `json:"cluster"`
	// Grace is how long a workflow must have been closed, and what Temporal does not
	// know must have been there.
	Grace time.Duration `json:"grace"`
	// AcceptNamespace records this namespace in place of another one.
	AcceptNamespace bool `json:"acceptNamespace,omitempty"`
}

// SweepListResult is what was found.
type SweepListResult struct {
	Findings []Finding `json:"findings,omitempty"`
	// Looked is how many attempts were looked at.
	Looked int `json:"looked"`
	// Recorded: the namespace was put on record just now.
	Recorded bool `json:"recorded,omitempty"`
}

// SweepList finds the attempts of this installation that nobody looks after any more.
// It changes nothing, but records the namespace the first time. Another namespace than
// the one on record is a conflict: to it, every job here would be unknown.
func (s *Sweep) SweepList(ctx context.Context, in SweepListInput) (SweepListResult, error) {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return SweepListResult{}, classify(err)
	}
	var result SweepListResult
	if result.Recorded, err = s.sameNamespace(ctx, cluster, in.AcceptNamespace); err != nil {
		return result, classify(err)
	}
	left, reserved, err := left(ctx, cluster)
	if err != nil {
		return result, classify(err)
	}
	result.Looked = len(left)
	for _, l := range left {
		if len(result.Findings) == mostFound {
			break
		}
		verdict, err := s.judge(ctx, l.attempt, l.since, in.Grace)
		if err != nil {
			return result, classify(err)
		}
		if verdict != "" {
			result.Findings = append(result.Findings, Finding{Verdict: verdict, Attempt: l.attempt, Application: l.application})
		}
	}
	orphans, err := s.orphans(ctx, cluster, reserved, in.Grace)
	result.Findings = append(result.Findings, orphans...)
	for _, f := range result.Findings {
		activity.GetMetricsHandler(ctx).WithTags(map[string]string{
			"cluster": in.Cluster, "verdict": string(f.Verdict),
		}).Counter(MetricSweepFindings).Inc(1)
	}
	return result, classify(err)
}

// judge says what becomes of an attempt that is not clean, "" for nothing yet.
func (s *Sweep) judge(ctx context.Context, attempt job.Attempt, since time.Time, grace time.Duration) (Verdict, error) {
	state, err := s.temporal.Workflow(ctx, attempt.WorkflowID)
	switch {
	case err != nil:
		return "", err
	case state.Open:
	case !state.Found:
		if time.Since(since) > grace {
			return VerdictUnknown, nil
		}
	case time.Since(state.ClosedAt) <= grace:
	case state.Interrupted:
		return VerdictInterrupted, nil
	default:
		return VerdictLeftover, nil
	}
	return "", nil
}

// remains is an attempt whose directory holds more than markers.
type remains struct {
	attempt     job.Attempt
	application string
	since       time.Time
}

// lookers is how many job directories are looked into at a time.
const lookers = 16

// left lists the attempts of this installation that were not cleaned, and which
// attempts anybody has reserved.
func left(ctx context.Context, cluster Cluster) (found []remains, reserved map[job.Attempt]bool, err error) {
	attempts, err := attemptDirs(ctx, cluster)
	if err != nil {
		return nil, nil, err
	}
	looks := make([]*remains, len(attempts))
	taken := make([]bool, len(attempts))
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, attempt := range attempts {
		group.Go(func() error {
			reservation, err := readReservation(looking, cluster, attempt)
			if err != nil || reservation == nil {
				return err
			}
			taken[i] = true
			if reservation.Installation != cluster.Installation {
				return nil
			}
			clean, err := onlyMarkers(looking, cluster, attempt)
			if err == nil && !clean {
				looks[i] = &remains{attempt, reservation.Application, reservation.CreatedAt}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	reserved = map[job.Attempt]bool{}
	for i, attempt := range attempts {
		reserved[attempt] = taken[i]
		if looks[i] != nil {
			found = append(found, *looks[i])
		}
	}
	return found, reserved, nil
}

// attemptDirs lists all attempts that have a directory.
func attemptDirs(ctx context.Context, cluster Cluster) ([]job.Attempt, error) {
	st := cluster.Stores.Default
	jobs, err := listDirs(ctx, st, cluster.Root)
	if err != nil {
		return nil, err
	}
	lists := make([][]job.Attempt, len(jobs))
	group, listing := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, name := range jobs {
		group.Go(func() error {
			numbers, err := listDirs(listing, st, path.Join(cluster.Root, name))
			for _, number := range numbers {
				n, notOne := strconv.Atoi(number)
				attempt := job.AttemptOf(name, n)
				if notOne == nil && attempt.Validate() == nil { // else it is nobody's
					lists[i] = append(lists[i], attempt)
				}
			}
			return err
		})
	}
	err = group.Wait()
	return slices.Concat(lists...), err
}

func listDirs(ctx context.Context, st store.Store, dir string) ([]string, error) {
	entries, err := st.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("list "+dir, err)
	}
	var names []string
	for _, e := range entries {
		if name := path.Base(e.Path); e.Dir && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

func readReservation(ctx context.Context, cluster Cluster, attempt job.Attempt) (*spark.Reservation, error) {
	name := path.Join(spark.JobDir(cluster.Root, attempt), spark.FileReservation)
	data, err := readAtMost(ctx, cluster.Stores.Default, name, maxReservation)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("read "+name, err)
	}
	var reservation spark.Reservation
	if json.Unmarshal(data, &reservation) != nil {
		return nil, nil // nobody's: it is left alone
	}
	return &reservation, nil
}

// onlyMarkers reports whether an attempt was cleaned.
func onlyMarkers(ctx context.Context, cluster Cluster, attempt job.Attempt) (bool, error) {
	entries, err := cluster.Stores.Default.List(ctx, spark.JobDir(cluster.Root, attempt))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, storeError("list the files of "+attempt.String(), err)
	}
	isMarker := spark.IsMarker
	if m, ok := cluster.Manager.(spark.Marker); ok {
		isMarker = m.IsMarker
	}
	for _, e := range entries {
		if e.Dir || !isMarker(path.Base(e.Path)) {
			return false, nil
		}
	}
	// An attempt that was reserved and no more has nothing else either.
	return slices.ContainsFunc(entries, func(e store.Info) bool {
		name := path.Base(e.Path)
		return name == spark.FileReleased || name == spark.FileRevoked
	}), nil
}

// orphans lists the live applications that have no reservation in their cluster's
// store.
func (s *Sweep) orphans(ctx context.Context, cluster Cluster, reserved map[job.Attempt]bool, grace time.Duration) ([]Finding, error) {
	lister, ok := cluster.Manager.(spark.Lister)
	if _, may := cluster.Manager.(spark.OrphanKiller); !ok || !may {
		return nil, nil
	}
	sightings, err := lister.Live(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, sighting := range sightings {
		if reserved[sighting.Attempt] {
			continue
		}
		// It may have been reserved since the directories were listed.
		reservation, err := readReservation(ctx, cluster, sighting.Attempt)
		if err != nil {
			return nil, err
		}
		began := sighting.Observation.StartedAt
		if reservation != nil || began.IsZero() || time.Since(began) <= grace {
			continue
		}
		state, err := s.temporal.Workflow(ctx, sighting.Attempt.WorkflowID)
		if err != nil {
			return nil, err
		}
		f := Finding{Verdict: VerdictOrphan, Attempt: sighting.Attempt, Application: sighting.Application}
		switch {
		case !state.Found:
			f.Verdict = VerdictUnknownOrphan
		case state.Open || time.Since(state.ClosedAt) <= grace:
			continue
		}
		found = append(found, f)
	}
	return found, nil
}

// fileNamespace lies in the root, where no job has a name that begins with a dot.
const fileNamespace = ".namespace.json"

// namespaceRecord is which Temporal the jobs of a root are in.
type namespaceRecord struct {
	Installation string    `json:"installation"`
	Namespace    string    `json:"namespace"`
	ID           string    `json:"id"`
	RecordedAt   time.Time `json:"recordedAt"`
}

// sameNamespace makes sure that this is the namespace on record, and puts it there if
// none is.
func (s *Sweep) sameNamespace(ctx context.Context, cluster Cluster, accept bool) (recorded bool, err error) {
	name, id, err := s.temporal.Namespace(ctx)
	if err != nil {
		return false, err
	}
	now := namespaceRecord{Installation: cluster.Installation, Namespace: name, ID: id, RecordedAt: time.Now().UTC()}
	data, err := json.Marshal(now)
	if err != nil {
		return false, job.Errorf(job.CodeInternal, "record the namespace: %w", err)
	}
	file := path.Join(cluster.Root, fileNamespace)
	err = cluster.Stores.Default.Create(ctx, file, data, modeFile)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrExist):
		return false, storeError("record the namespace in "+file, err)
	}
	was, err := readFile(ctx, cluster.Stores.Default, file)
	if err != nil {
		return false, storeError("read "+file, err)
	}
	var before namespaceRecord
	if err := json.Unmarshal(was, &before); err != nil {
		return false, job.Errorf(job.CodeConflict, "%s cannot be read: %w; look at it, and delete it if it is broken", file, err)
	}
	if before.ID == id {
		return false, nil
	}
	if accept {
		_, err := cluster.Stores.Default.Write(ctx, file, strings.NewReader(string(data)), modeFile)
		return err == nil, storeErrorOrNil("record the namespace in "+file, err)
	}
	return false, job.Errorf(job.CodeConflict, "the jobs of cluster %s belong to namespace %s (%s), and this is %s (%s): nothing was touched; "+
		"if its database was lost for good, reconcile, and sweep with --accept-namespace", cluster.Name, before.Namespace, before.ID, name, id)
}

func storeErrorOrNil(what string, err error) error {
	if err == nil {
		return nil
	}
	return storeError(what, err)
}

// SweepInterruptedInput names a workflow that was ended from outside.
type SweepInterruptedInput struct {
	WorkflowID string `json:"workflowId"`
}

// SweepInterrupted reads what such a workflow knew. It only reads.
func (s *Sweep) SweepInterrupted(ctx context.Context, in SweepInterruptedInput) (InterruptedJob, error) {
	defer beat(ctx, nil)()
	found, err := s.temporal.Interrupted(ctx, in.WorkflowID)
	return found, classify(err)
}

// SweepFindInput names a job whose history is lost.
type SweepFindInput struct {
	Cluster string `json:"cluster"`
	// Job is its name.
	Job string `json:"job"`
}

// SweepFindResult is its last attempt; 0 is none.
type SweepFindResult struct {
	Attempt     int    `json:"attempt"`
	Application string `json:"application,omitempty"`
	// Sent: a request that launches it may have gone out.
	Sent bool `json:"sent,omitempty"`
}

// SweepFind looks for the last attempt of a job that was reserved. Another namespace than
// the one on record is a conflict: the job may be looked after there. It only reads.
func (s *Sweep) SweepFind(ctx context.Context, in SweepFindInput) (SweepFindResult, error) {
	defer beat(ctx, nil)()
	var result SweepFindResult
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return result, classify(err)
	}
	if _, err := s.sameNamespace(ctx, cluster, false); err != nil {
		return result, classify(err)
	}
	numbers, err := listDirs(ctx, cluster.Stores.Default, path.Join(cluster.Root, in.Job))
	if err != nil {
		return result, classify(err)
	}
	for _, number := range numbers {
		n, err := strconv.Atoi(number)
		if err != nil || n <= result.Attempt {
			continue
		}
		reservation, err := readReservation(ctx, cluster, job.AttemptOf(in.Job, n))
		if err != nil {
			return result, classify(err)
		}
		if reservation != nil && reservation.Installation == cluster.Installation {
			result = SweepFindResult{Attempt: n, Application: reservation.Application}
		}
	}
	if result.Attempt > 0 {
		id, err := identify(ctx, cluster, job.AttemptOf(in.Job, result.Attempt))
		if err != nil {
			return result, classify(err)
		}
		result.Application = cmp.Or(id, result.Application)
		intent := path.Join(spark.JobDir(cluster.Root, job.AttemptOf(in.Job, result.Attempt)), spark.FileIntent)
		switch _, err := cluster.Stores.Default.Stat(ctx, intent); {
		case err == nil:
			result.Sent = true
		case !errors.Is(err, fs.ErrNotExist):
			return result, classify(storeError("look for "+intent, err))
		}
	}
	return result, nil
}

// SweepAdoptInput names an attempt that Temporal does not know.
type SweepAdoptInput struct {
	Cluster string      `json:"cluster"`
	Attempt job.Attempt `json:"attempt"`
}

// SweepAdopt starts a workflow that goes on with a job that Temporal does not know. One
// that is there already is no error.
func (s *Sweep) SweepAdopt(ctx context.Context, in SweepAdoptInput) error {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	key, ok := job.ParseName(in.Attempt.Job)
	if !ok {
		return classify(job.Errorf(job.CodeInvalid, "job %s: its name does not tell its id; its document does", in.Attempt.Job))
	}
	var request *job.Request
	if key.Source == job.SourceAPI {
		name := path.Join(spark.JobDir(cluster.Root, in.Attempt), spark.FileRequest)
		data, err := readFile(ctx, cluster.Stores.Default, name)
		if errors.Is(err, fs.ErrNotExist) {
			return classify(job.Errorf(job.CodeNotFound, "job %s left nothing that says what it is", in.Attempt.Job))
		}
		if err != nil {
			return classify(storeError("read "+name, err))
		}
		if err := json.Unmarshal(data, &request); err != nil || request == nil {
			return classify(job.Errorf(job.CodeInvalid, "%s says nothing of job %s", name, in.Attempt.Job))
		}
	}
	return classify(s.temporal.Adopt(ctx, key, request))
}

// SweepOrphanInput names an application without a directory.
type SweepOrphanInput struct {
	Cluster     string      `json:"cluster"`
	Attempt     job.Attempt `json:"attempt"`
	Application string      `json:"application"`
}

// SweepOrphan ends an application without a directory. One that has ended is no error.
func (s *Sweep) SweepOrphan(ctx context.Context, in SweepOrphanInput) error {
	defer beat(ctx, nil)()
	cluster, err := s.clusters.of(in.Cluster)
	if err != nil {
		return classify(err)
	}
	killer, ok := cluster.Manager.(spark.OrphanKiller)
	if !ok {
		return classify(job.Errorf(job.CodeInvalid, "cluster %s cannot end %s: it knows applications by their directories alone", in.Cluster, in.Application))
	}
	reservation, err := readReservation(ctx, cluster, in.Attempt)
	if err != nil {
		return classify(err)
	}
	if reservation != nil {
		return nil // it is somebody's by now
	}
	return classify(killer.KillOrphan(ctx, in.Attempt, in.Application, fmt.Sprintf("it has no job directory in cluster %s", in.Cluster)))
}
