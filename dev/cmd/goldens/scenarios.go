package main

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

// cluster of all jobs.
const cluster = "local"

// scenario is a job and how the world answers it.
type scenario struct {
	name string
	spec func(*job.Spec)
	// observe answers the nth look (from 1) at an attempt; nil succeeds soon.
	observe  func(attempt, look int) (job.Observation, error)
	problems []string
	busy     int
	missing  []string
	clean    error
	// held answers the first launches: nothing is launched now, and why.
	held string
	// own: the job was handed to Stoker itself, so that its record alone keeps its end.
	own bool
	// adopt: an earlier history, which is lost, has launched it.
	adopt bool
	// reset takes the job back to before this activity once it has ended.
	reset string
	// before: the code has none of the branches that have a change id.
	before bool
	// during acts on the running job.
	during func(ctx context.Context, c client.Client, key job.Key) error
}

var (
	pending  = job.Observation{State: job.StatePending}
	running  = job.Observation{State: job.StateRunning, Began: job.BeganYes}
	returned = job.Observation{State: job.StateSucceeded, Began: job.BeganYes, Driver: &job.DriverReport{State: "returned"}}
	killed   = job.Observation{State: job.StateKilled, Began: job.BeganYes, Raw: "SIGTERM"}
)

func scenarios() []scenario {
	forever := func(int, int) (job.Observation, error) { return running, nil }
	signal := func(ctx context.Context, c client.Client, key job.Key) error {
		if err := awaitPhase(ctx, c, key, job.PhaseRunning); err != nil {
			return err
		}
		return c.SignalWorkflow(ctx, key.WorkflowID(), "", workflows.SignalCancel, workflows.CancelRequest{By: "ann"})
	}
	return []scenario{
		{name: "complete"},
		{name: "invalid", problems: []string{"no primary source", "input 1 has no URL"}},
		{name: "invalid-before", problems: []string{"no primary source", "input 1 has no URL"}, before: true},
		{name: "application-failure", observe: func(int, int) (job.Observation, error) {
			return job.Observation{State: job.StateFailed, Began: job.BeganYes, Driver: &job.DriverReport{
				State: "raised", ErrorType: "ValueError", Message: "no column", Traceback: "File \"m.py\", line 3",
			}}, nil
		}},
		{name: "missing-output", missing: []string{"output 1 (scores.csv) was not written"}},
		{name: "lost", observe: func(int, int) (job.Observation, error) {
			return job.Observation{State: job.StateAbsent}, nil
		}},
		{name: "busy", busy: 3},
		{name: "infrastructure-retry", observe: func(attempt, look int) (job.Observation, error) {
			if attempt == 1 {
				return job.Observation{State: job.StateFailed, Began: job.BeganNo, Raw: "the supervisor died"}, nil
			}
			return soon(attempt, look)
		}},
		{name: "outage", observe: func(_, look int) (job.Observation, error) {
			switch {
			case look == 1:
				return running, nil
			case look <= 6:
				return job.Observation{}, temporal.NewApplicationError("connection refused", string(job.CodeUnavailable))
			}
			return returned, nil
		}},
		{name: "cancel-by-signal", observe: forever, during: signal},
		{name: "cancel-native", observe: forever, during: func(ctx context.Context, c client.Client, key job.Key) error {
			if err := awaitPhase(ctx, c, key, job.PhaseRunning); err != nil {
				return err
			}
			return c.CancelWorkflow(ctx, key.WorkflowID(), "")
		}},
		{name: "cancel-by-update", observe: forever, during: func(ctx context.Context, c client.Client, key job.Key) error {
			if err := awaitPhase(ctx, c, key, job.PhaseRunning); err != nil {
				return err
			}
			_, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
				WorkflowID: key.WorkflowID(), UpdateName: workflows.UpdateCancel, Args: []any{workflows.CancelRequest{}},
				WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			return err
		}},
		{name: "deadline", spec: func(s *job.Spec) { s.Deadline = 4 * time.Second }, observe: forever},
		{name: "run-limit", spec: func(s *job.Spec) { s.RunLimit = 2 * time.Second }, observe: forever},
		{name: "clean-failure", clean: temporal.NewNonRetryableApplicationError("not ours", string(job.CodeUnauthorized), nil)},
		{name: "continue-as-new", observe: func(_, look int) (job.Observation, error) {
			if look < 20 {
				return running, nil
			}
			return returned, nil
		}, during: func(ctx context.Context, c client.Client, key job.Key) error {
			for range 25 {
				if err := c.SignalWorkflow(ctx, key.WorkflowID(), "", workflows.SignalHint, workflows.HintFromWatch); err != nil {
					return nil // it has ended: enough hints
				}
				time.Sleep(200 * time.Millisecond)
			}
			return nil
		}},
		{name: "drained", busy: 1, held: "cluster local is drained"},
		{name: "adopted", adopt: true},
		{name: "reset", reset: "Observe"},
		{name: "own", own: true},
		{name: "own-invalid", own: true, problems: []string{"file: no such host"}},
		{name: "own-adopted", own: true, adopt: true},
		{name: "own-reset", own: true, reset: "Observe"},
		{name: "own-reset-before", own: true, reset: "Observe", before: true},
	}
}

// soon is pending, running, returned.
func soon(_, look int) (job.Observation, error) {
	switch look {
	case 1:
		return pending, nil
	case 2:
		return running, nil
	}
	return returned, nil
}

func awaitPhase(ctx context.Context, c client.Client, key job.Key, phase job.Phase) error {
	for {
		value, err := c.QueryWorkflow(ctx, key.WorkflowID(), "", workflows.QueryStatus)
		var view workflows.StatusView
		if err == nil {
			err = value.Get(&view)
		}
		if err == nil && view.Phase == phase {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
