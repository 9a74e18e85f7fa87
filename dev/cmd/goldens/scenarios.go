package main

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdk "go.temporal.io/sdk/worker"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/workflows"
)

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
		if err != nil {
			return err
		}
		var view workflows.StatusView
		if err := value.Get(&view); err != nil {
			return err
		}
		if view.Phase == phase {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// script answers the activities of every scenario.
type script struct {
	mu    sync.Mutex
	byJob map[string]scenario
	looks map[job.Attempt]int
	busy  map[string]int
	dead  map[string]bool
}

func (s *script) add(name string, scenario scenario) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byJob[name] = scenario
	if s.looks == nil {
		s.looks, s.busy, s.dead = map[job.Attempt]int{}, map[string]int{}, map[string]bool{}
	}
}

func (s *script) of(name string) scenario {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byJob[name]
}

var open = job.Standing{State: job.StandingOpen}

func (s *script) register(w sdk.Worker) {
	named := func(name string, fn any) { w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	named("Load", func(_ context.Context, in activities.LoadInput) (activities.LoadResult, error) {
		spec := job.Spec{
			Kind: job.KindScoring, Name: "credit", User: "ann", Tenant: "risk", ModelID: "m1", Cluster: "local",
			PythonDriver: true, EmbeddedOutputs: 1, Deadline: time.Hour, OutageLimit: time.Hour,
			Retry: job.RetryPolicy{InfrastructureRetries: 2},
		}
		scenario := s.of(in.Key.Name())
		if scenario.spec != nil {
			scenario.spec(&spec)
		}
		return activities.LoadResult{Spec: spec, Digest: "d", Standing: open, Problems: scenario.problems}, nil
	})
	named("Reserve", func(_ context.Context, in activities.ReserveInput) (activities.ReserveResult, error) {
		return activities.ReserveResult{Application: "local-" + in.Attempt.String()}, nil
	})
	named("Stage", func(context.Context, activities.StageInput) (activities.StageResult, error) {
		return activities.StageResult{Bytes: 1000, Standing: open}, nil
	})
	named("Submit", func(_ context.Context, in activities.SubmitInput) (activities.SubmitResult, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy[in.Attempt.Job]++
		return activities.SubmitResult{Busy: s.busy[in.Attempt.Job] <= s.byJob[in.Attempt.Job].busy, Standing: open}, nil
	})
	named("Observe", s.observe)
	named("Kill", func(_ context.Context, in activities.KillInput) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dead[in.Attempt.String()] = true
		return nil
	})
	named("Collect", func(_ context.Context, in activities.CollectInput) (activities.CollectResult, error) {
		return activities.CollectResult{Problems: s.of(in.Attempt.Job).missing}, nil
	})
	report := func(context.Context, activities.ReportInput) (activities.ReportResult, error) {
		return activities.ReportResult{Standing: open}, nil
	}
	named("Report", report)
	named("ReportEnd", report)
	named("Clean", func(_ context.Context, in activities.CleanInput) error { return s.of(in.Attempt.Job).clean })
}

func (s *script) observe(_ context.Context, in activities.ObserveInput) (job.Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead[in.Attempt.String()] {
		return killed, nil
	}
	s.looks[in.Attempt]++
	answer := s.byJob[in.Attempt.Job].observe
	if answer == nil {
		answer = soon
	}
	return answer(in.Attempt.Number, s.looks[in.Attempt])
}
