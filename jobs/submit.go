package jobs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/workflows"
)

// Submission is a job that somebody asks for.
type Submission struct {
	// User who asks.
	User string
	// Body is the JSON of a jobspec.Spec.
	Body []byte
	// Key makes asking twice asking once: the same user, key and body are one job. ""
	// makes every submission a job of its own.
	Key string
	// ID that a front has chosen, "" for none; it replaces the key's.
	ID string
}

// maxKey bounds an idempotency key, in bytes.
const maxKey = 256

// ErrOtherBody says that a key was used before for another job.
var ErrOtherBody = errors.New("the key was used before with another body")

// Submit starts a job and returns it, and false if it was started before by the same
// submission. A submission whose key is known is compared before anything else of it
// is looked at.
func (s *Service) Submit(ctx context.Context, in Submission) (view View, created bool, err error) {
	digest := jobspec.Digest(in.Body)
	key := job.Key{Source: job.SourceAPI, ID: in.ID}
	if in.ID == "" && in.Key != "" {
		if key.ID, err = keyedID(in.User, in.Key); err != nil {
			return View{}, false, err
		}
	}
	chosen := key.ID != ""
	if chosen {
		known, err := s.same(ctx, key.Name(), digest)
		if err != nil {
			return View{}, false, err
		}
		if known {
			view, err := s.Get(ctx, key.Name())
			return view, false, err
		}
	}
	request, header, err := s.prepare(in, digest)
	if err != nil {
		return View{}, false, err
	}
	for {
		if !chosen {
			key.ID = freshID(time.Now())
		}
		run, err := s.start(ctx, key, request, header)
		var started *serviceerror.WorkflowExecutionAlreadyStarted
		switch {
		case errors.As(err, &started) && !chosen:
			continue // another job has just got this id
		case errors.As(err, &started):
			// Somebody was faster.
			if _, err := s.same(ctx, key.Name(), digest); err != nil {
				return View{}, false, err
			}
			view, err := s.Get(ctx, key.Name())
			return view, false, err
		case err != nil:
			return View{}, false, failure("start the job", err)
		}
		return s.started(key, header, run), true, nil
	}
}

// started is a job whose workflow has just been started.
func (s *Service) started(key job.Key, header job.Spec, run string) View {
	now := time.Now().UTC()
	return s.linked(View{
		ID: key.Name(), Source: key.Source, Kind: header.Kind, Name: header.Name, User: header.User, Cluster: header.Cluster,
		Queue: header.Queue, Profile: header.Profile, Labels: header.Labels, Phase: job.PhaseLoading,
		Times: Times{SubmittedAt: now}, runAt: now,
	}, run)
}

// same reports whether a job is there; one with another digest is ErrOtherBody.
func (s *Service) same(ctx context.Context, id, digest string) (known bool, err error) {
	before, err := s.digest(ctx, id)
	if err != nil || before == "" {
		return false, err
	}
	if before != digest {
		return true, job.Errorf(job.CodeConflict, "job %s: %w", id, ErrOtherBody)
	}
	return true, nil
}

// digest of a job that was submitted, "" if there is none: its workflow has it, and so
// has its record, so that a key is never free again.
func (s *Service) digest(ctx context.Context, id string) (string, error) {
	described, err := s.describe(ctx, id)
	if err == nil {
		if digest := text(described.GetWorkflowExecutionInfo().GetMemo().GetFields()[workflows.MemoDigest]); digest != "" {
			return digest, nil
		}
		return "unknown", nil
	}
	if !isNotFound(err) {
		return "", failure("look for job "+id, err)
	}
	record, err := s.record(ctx, id, "")
	if err != nil || record == nil {
		return "", err
	}
	if record.Request == nil {
		return "unknown", nil
	}
	return record.Request.Digest, nil
}

// prepare checks a job as its workflow will.
func (s *Service) prepare(in Submission, digest string) (job.Request, job.Spec, error) {
	spec, err := jobspec.Parse(in.Body)
	if err != nil {
		return job.Request{}, job.Spec{}, err
	}
	cluster, err := s.options.Rules.Route(spec)
	if err != nil {
		return job.Request{}, job.Spec{}, err
	}
	header, _, err := jobspec.Convert(spec, in.User, cluster, s.options.Rules)
	return job.Request{Spec: in.Body, User: in.User, Cluster: cluster, Digest: digest}, header, err
}

// RequestedOptions are how the workflow of a job that was handed to Stoker is started
// when nothing is left of it but its request: as it was the first time.
func RequestedOptions(key job.Key, request job.Request) client.StartWorkflowOptions {
	options := startOptions(jobspec.Header(request), request.Digest)
	options.ID = key.WorkflowID()
	return options
}

// startOptions are how a submitted job's workflow starts. What lists show is set here,
// so that it is there before any worker is.
func startOptions(header job.Spec, digest string) client.StartWorkflowOptions {
	set := []temporal.SearchAttributeUpdate{
		workflows.AttributePhase.ValueSet(string(job.PhaseLoading)),
		workflows.AttributeCluster.ValueSet(header.Cluster), workflows.AttributeKind.ValueSet(string(header.Kind)),
	}
	memo := map[string]any{workflows.MemoName: header.Name, workflows.MemoDigest: digest}
	if header.Profile != "" {
		memo[workflows.MemoProfile] = header.Profile
	}
	if header.User != "" {
		set = append(set, workflows.AttributeUser.ValueSet(header.User))
	}
	if header.Queue != "" {
		set = append(set, workflows.AttributeQueue.ValueSet(header.Queue))
	}
	if labels := workflows.LabelValues(header.Labels); len(labels) > 0 {
		set = append(set, workflows.AttributeLabels.ValueSet(labels))
	}
	return client.StartWorkflowOptions{
		TaskQueue:                                workflows.QueueCentral,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     memo,
		StaticSummary:                            job.Head(fmt.Sprintf("%s %s", header.Kind, header.Name), 200),
		StaticDetails:                            details(header),
		TypedSearchAttributes:                    temporal.NewSearchAttributes(set...),
	}
}

func details(header job.Spec) string {
	return fmt.Sprintf("Job `%s` of user `%s` on cluster `%s`.\n\n", job.Head(header.Name, 200), header.User, header.Cluster) +
		"To end it: `stoker cancel`, signal or update `cancel`, or the Cancel button; all of them kill the application, report and clean. " +
		"**Terminate runs no code**: the application goes on until Sweep finds it."
}

// start starts a job's workflow and returns its run id.
func (s *Service) start(ctx context.Context, key job.Key, request job.Request, header job.Spec) (run string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := startOptions(header, request.Digest)
	options.ID = key.WorkflowID()
	started, err := s.options.Client.ExecuteWorkflow(ctx, options, workflows.TypeSparkBatchJob,
		workflows.Input{Key: key, Request: &request})
	if err != nil {
		return "", err
	}
	return started.GetRunID(), nil
}

// lower is base32 that people can read out.
var lower = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// freshID is an id that nobody has: when, and some chance.
func freshID(now time.Time) string {
	var random [5]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102-150405-") + lower.EncodeToString(random[:])
}

// keyedID is the id of a user's key.
func keyedID(user, key string) (string, error) {
	if len(key) > maxKey || job.TextProblem(key) != "" {
		return "", job.Invalid("the key cannot be used", []string{fmt.Sprintf("Idempotency-Key: must be at most %d bytes of UTF-8 without control characters", maxKey)})
	}
	sum := sha256.Sum256([]byte(user + "\x00" + key))
	return "key-" + lower.EncodeToString(sum[:15]), nil
}

// rerunEnding is what a re-run's id ends with.
var rerunEnding = regexp.MustCompile(`-r([1-9][0-9]{0,8})$`)
