package modelmanage

import (
	"context"

	"github.com/stoker-spark/stoker/job"
)

// Source makes model-manage a source of jobs: it turns documents into jobs and
// reports back into documents.
type Source struct {
	client     *Client
	config     Config
	conversion Conversion
}

// NewSource makes a Source over a client of the same configuration.
func NewSource(client *Client, config Config, conversion Conversion) *Source {
	return &Source{client: client, config: config, conversion: conversion}
}

// Load reads and validates a job.
func (s *Source) Load(ctx context.Context, ref job.Ref) (job.Intake, error) {
	_, intake, err := s.Manifest(ctx, ref)
	return intake, err
}

// Manifest reads the whole job, with content. Problems of the job are in the
// intake, not the error.
func (s *Source) Manifest(ctx context.Context, ref job.Ref) (job.Manifest, job.Intake, error) {
	doc, err := s.client.Get(ctx, ref.ID)
	if err != nil {
		return job.Manifest{}, job.Intake{}, err
	}
	spec, manifest, err := Convert(doc, s.conversion)
	intake := job.Intake{Spec: spec, Digest: Digest(doc, s.config.ApplicationIDParameter), Standing: s.standing(doc)}
	if err != nil {
		if job.CodeOf(err) != job.CodeInvalid {
			return job.Manifest{}, job.Intake{}, err
		}
		intake.Problems = job.ProblemsOf(err)
	}
	return manifest, intake, nil
}

func (s *Source) standing(doc Document) job.Standing {
	application, _ := doc.Parameter(s.config.ApplicationIDParameter)
	standing := standingOf(doc.Status())
	standing.Application = application
	return standing
}

// standingOf maps a document's status to how the job stands.
func standingOf(status Status) job.Standing {
	standing := job.Standing{State: job.StandingOpen, Status: string(status)}
	switch status {
	case StatusCancelled:
		standing.State = job.StandingCancelled
		standing.Result = job.ResultCancelled
	case StatusComplete:
		standing.State = job.StandingEnded
		standing.Result = job.ResultSucceeded
	case StatusError:
		standing.State = job.StandingEnded
		standing.Result = job.ResultFailed
	case StatusCreated, StatusWaiting, StatusRunning:
	}
	return standing
}

// Report brings the job's document up to date and returns how it stood before.
func (s *Source) Report(ctx context.Context, id string, report job.Report) (job.Standing, error) {
	update := Update{
		Status:      StatusOfMilestone(report.Milestone),
		Application: report.Application,
		WaitedAt:    report.WaitingAt, RanAt: report.RunningAt, EndedAt: report.EndedAt,
	}
	switch report.Milestone {
	case job.MilestoneStaged:
		if len(report.ExternalOutputs) == 0 {
			break
		}
		text, err := encodeJSON(report.ExternalOutputs)
		if err != nil {
			return job.Standing{}, job.Errorf(job.CodeInternal, "job %s: write its temporary outputs: %w", id, err)
		}
		update.ExternalOutput = string(text)
	case job.MilestoneWaiting, job.MilestoneRunning:
	case job.MilestoneEnded:
		update.Status, _ = StatusOf(report.Outcome, s.config.KilledFromOutside)
		update.Messages = Messages(report.Outcome,
			Logs{Stdout: []byte(report.Stdout), Stderr: []byte(report.Stderr)}, s.config.Messages)
		for _, output := range report.Outputs {
			update.Outputs = append(update.Outputs, Output{Index: output.Index, FileName: output.FileName, Content: output.Content})
		}
	}
	seen, err := s.client.Report(ctx, id, update)
	if err != nil {
		return job.Standing{}, err
	}
	return seen.standing(), nil
}

// standing is how the job stood when a report came: somebody else's cancel may
// come between the reading and the writing, and our own earlier write is not
// somebody else's end.
func (s Seen) standing() job.Standing {
	switch {
	case s.Before == StatusCancelled || s.After == StatusCancelled:
		if s.Settled && s.Before != StatusCancelled {
			return standingOf(s.Before) // it was this report that cancelled
		}
		return standingOf(StatusCancelled)
	case s.Settled && s.Before.Terminal():
		return job.Standing{State: job.StandingOpen, Status: string(s.Before)}
	}
	return standingOf(s.Before)
}

// LogLimits says how much of the logs a final report should carry.
func (s *Source) LogLimits() (stdout, stderr job.LogLimit) {
	limit := func(mode MessageMode) job.LogLimit {
		switch mode {
		case MessageTail:
			return job.LogLimit{Bytes: s.config.Messages.StreamBytes, Tail: true}
		case MessageFull:
			return job.LogLimit{Bytes: s.config.Messages.StreamBytes}
		case MessageOff:
		}
		return job.LogLimit{}
	}
	return limit(s.config.Messages.Stdout), limit(s.config.Messages.Stderr)
}
