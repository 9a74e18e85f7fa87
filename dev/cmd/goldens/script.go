package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/worker"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/job"
)

// script answers the activities of every job, by its scenario.
type script struct {
	mu    sync.Mutex
	byJob map[string]*played
	// hold is called before an activity answers and may keep it, the nth (from 1) of its
	// name; answered is called with an answer that leaves the job waiting. nil for nothing.
	hold     func(ctx context.Context, name, activity string, nth int) error
	answered func(name string)
}

// played is how far a job's scenario is.
type played struct {
	scenario
	// calls counts the activities by name, and nth is which one each was: a repetition is
	// the same one.
	calls map[string]int
	nth   map[string]int
	looks map[int]int // by attempt, and so on
	dead  map[int]bool
	// launches are those that were not refused.
	launches map[int]int
	// released: the attempt's files were cleaned away.
	released map[int]bool
	// refused counts the launches that were.
	refused int
	// end is what the job's source keeps, record what its cluster does.
	end    *job.Outcome
	record *job.Record
}

func newScript() *script { return &script{byJob: map[string]*played{}} }

func (s *script) add(name string, scenario scenario) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byJob[name] = &played{
		scenario: scenario, calls: map[string]int{}, nth: map[string]int{}, looks: map[int]int{}, dead: map[int]bool{}, launches: map[int]int{}, released: map[int]bool{},
	}
}

// forget starts to count the calls of a job anew.
func (s *script) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byJob[name].calls, s.byJob[name].nth = map[string]int{}, map[string]int{}
}

// launchesOf counts the launches of a job that were not refused, by attempt.
func (s *script) launchesOf(name string) map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.byJob[name].launches)
}

// ofWorkflow is the scenario of a workflow.
func (s *script) ofWorkflow(id string) scenario {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.byJob {
		if job.AttemptOf(name, 1).WorkflowID == id {
			return p.scenario
		}
	}
	return scenario{}
}

var open = job.Standing{State: job.StandingOpen}

// answer registers an activity that is of the job that name finds in its input.
func answer[In, Out any](s *script, w sdk.Worker, as string, name func(In) string, fn func(*played, In) (Out, error)) {
	w.RegisterActivityWithOptions(func(ctx context.Context, in In) (out Out, err error) {
		s.mu.Lock()
		p := s.byJob[name(in)]
		info := activity.GetInfo(ctx)
		id := info.WorkflowExecution.RunID + " " + info.ActivityID
		if p.nth[id] == 0 {
			p.calls[as]++
			p.nth[id] = p.calls[as]
		}
		nth := p.nth[id]
		s.mu.Unlock()
		if s.hold != nil {
			if err := s.hold(ctx, name(in), as, nth); err != nil {
				return out, err
			}
		}
		s.mu.Lock()
		out, err = fn(p, in)
		s.mu.Unlock()
		if s.answered != nil && (as == "Observe" || as == "Submit") {
			s.answered(name(in))
		}
		return out, err
	}, activity.RegisterOptions{Name: as})
}

// none is the answer of an activity that has none.
type none struct{}

func (s *script) register(w sdk.Worker) {
	answer(s, w, "Load", func(in activities.LoadInput) string { return in.Key.Name() }, load)
	answer(s, w, "Reserve", func(in activities.ReserveInput) string { return in.Attempt.Job }, func(_ *played, in activities.ReserveInput) (activities.ReserveResult, error) {
		return activities.ReserveResult{Application: "local-" + in.Attempt.String()}, nil
	})
	answer(s, w, "Stage", func(in activities.StageInput) string { return in.Attempt.Job }, func(*played, activities.StageInput) (activities.StageResult, error) {
		return activities.StageResult{Bytes: 1000, Standing: open}, nil
	})
	answer(s, w, "Submit", func(in activities.SubmitInput) string { return in.Attempt.Job }, submit)
	answer(s, w, "SweepFind", func(in activities.SweepFindInput) string { return in.Job }, func(_ *played, in activities.SweepFindInput) (activities.SweepFindResult, error) {
		return activities.SweepFindResult{Attempt: 1, Application: "local-" + job.AttemptOf(in.Job, 1).String(), Sent: true}, nil
	})
	answer(s, w, "Observe", func(in activities.ObserveInput) string { return in.Attempt.Job }, observe)
	answer(s, w, "Kill", func(in activities.KillInput) string { return in.Attempt.Job }, func(p *played, in activities.KillInput) (none, error) {
		p.dead[in.Attempt.Number] = true
		return none{}, nil
	})
	answer(s, w, "Collect", func(in activities.CollectInput) string { return in.Attempt.Job }, func(p *played, _ activities.CollectInput) (activities.CollectResult, error) {
		return activities.CollectResult{Problems: p.missing}, nil
	})
	answer(s, w, "Report", func(in activities.ReportInput) string { return in.Key.Name() }, report)
	answer(s, w, "ReportEnd", func(in activities.ReportInput) string { return in.Key.Name() }, report)
	answer(s, w, "EndOnRecord", func(in activities.EndOnRecordInput) string { return in.Job }, func(p *played, _ activities.EndOnRecordInput) (activities.EndOnRecordResult, error) {
		if p.record == nil {
			return activities.EndOnRecordResult{}, nil
		}
		r := p.record
		return activities.EndOnRecordResult{
			Outcome: &r.Outcome, Application: r.Application, Attempts: r.Attempts, WaitingAt: r.WaitingAt, RunningAt: r.RunningAt, EndedAt: r.EndedAt,
		}, nil
	})
	answer(s, w, "Clean", func(in activities.CleanInput) string { return in.Attempt.Job }, func(p *played, in activities.CleanInput) (none, error) {
		if p.clean != nil {
			return none{}, p.clean
		}
		p.released[in.Attempt.Number] = true
		p.keep(in.Record, in.EndedBefore)
		return none{}, nil
	})
	answer(s, w, "Archive", func(in activities.ArchiveInput) string { return in.Record.ID }, func(p *played, in activities.ArchiveInput) (none, error) {
		p.keep(&in.Record, in.EndedBefore)
		return none{}, nil
	})
}

func (p *played) keep(record *job.Record, endedBefore bool) {
	if record != nil && (p.record == nil || !endedBefore) {
		p.record = record
	}
}

func load(p *played, _ activities.LoadInput) (activities.LoadResult, error) {
	spec := job.Spec{
		Kind: job.KindScoring, Name: "credit", User: "ann", Tenant: "risk", ModelID: "m1", Cluster: cluster,
		PythonDriver: true, EmbeddedOutputs: 1, Deadline: time.Hour, OutageLimit: time.Hour,
		Retry: job.RetryPolicy{InfrastructureRetries: 2},
	}
	if p.own {
		spec.Kind, spec.Tenant, spec.ModelID, spec.EmbeddedOutputs = job.KindPySpark, "", "", 0
	}
	if p.spec != nil {
		p.spec(&spec)
	}
	result := activities.LoadResult{Spec: spec, Digest: "d", Standing: open, Problems: p.problems}
	if p.end != nil && !p.own {
		result.Standing = job.Standing{State: job.StandingEnded, Status: "COMPLETE", Result: p.end.Result}
	}
	return result, nil
}

func submit(p *played, in activities.SubmitInput) (activities.SubmitResult, error) {
	if p.refused < p.busy {
		p.refused++
		return activities.SubmitResult{Busy: true, Why: p.held, Standing: open}, nil
	}
	p.launches[in.Attempt.Number]++
	return activities.SubmitResult{Standing: open}, nil
}

func observe(p *played, in activities.ObserveInput) (job.Observation, error) {
	n := in.Attempt.Number
	answer := p.observe
	switch {
	case p.released[n]:
		return job.Observation{State: job.StateSucceeded, Released: true}, nil
	case p.dead[n]:
		return killed, nil
	case answer == nil:
		answer = soon
	}
	p.looks[n]++
	return answer(n, p.looks[n])
}

// report takes a job's end for what its source keeps.
func report(p *played, in activities.ReportInput) (activities.ReportResult, error) {
	if in.Milestone == job.MilestoneEnded && p.end == nil {
		p.end = &in.Outcome
	}
	return activities.ReportResult{Standing: open}, nil
}
