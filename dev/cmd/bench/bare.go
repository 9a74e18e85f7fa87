package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/stoker-spark/stoker/activities"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/worker"
)

// bareResult is what a process says that has submitted jobs without Temporal.
type bareResult struct {
	// CPU per submission, in seconds.
	CPU float64 `json:"cpu"`
	// Walls of the submissions, in seconds.
	Walls []float64 `json:"walls"`
}

// withoutTemporal submits as many jobs at the same pace by the worker's own
// activities, called one after the other in a process of its own: what is missing
// from a worker's processor time then is Temporal's share of it.
func (b *bench) withoutTemporal(o *onHadoop, theirs float64) error {
	ids := make([]string, streamed+1) // the first warms up
	for i := range ids {
		ids[i] = fmt.Sprintf("bare-%d", i)
		if err := o.create(document(ids[i], script)); err != nil {
			return err
		}
	}
	var said, complaint bytes.Buffer
	cmd := exec.Command(os.Args[0], "--bare", strings.Join(ids, ","), "--config", stack.ConfigFile(o.state)) //nolint:gosec // this program
	cmd.Stdout, cmd.Stderr = &said, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("submit without Temporal: %w: %s", err, complaint.String())
	}
	var result bareResult
	if err := json.Unmarshal(said.Bytes(), &result); err != nil {
		return err
	}
	b.spread("submission to YARN without Temporal, wall", "s", result.Walls)
	b.add("submission to YARN without Temporal: CPU", result.CPU*1000, "CPU-ms", streamed)
	b.add("spark-submit's CPU over that, per submission", theirs/result.CPU, "", streamed)
	return nil
}

// submitBare is the process that withoutTemporal starts.
func submitBare(ctx context.Context, ids []string, file string) error {
	c, err := config.Load(file, nil, nil)
	if err != nil {
		return err
	}
	sources, _, err := worker.OpenSources(c)
	if err != nil {
		return err
	}
	clusters, err := worker.OpenClusters(c, []string{"yarn"}, worker.Openings{})
	if err != nil {
		return err
	}
	s := bareSubmitter{}
	if s.registry, err = activities.NewRegistry(sources); err != nil {
		return err
	}
	if s.control, err = activities.NewControl(clusters, sources, noHints{}); err != nil {
		return err
	}
	if s.transfer, err = activities.NewTransfer(clusters, sources); err != nil {
		return err
	}
	var suite testsuite.WorkflowTestSuite
	s.env = suite.NewTestActivityEnvironment()
	for _, group := range []any{s.registry, s.control, s.transfer} {
		s.env.RegisterActivity(group)
	}
	var result bareResult
	var before syscall.Rusage
	begun := time.Now()
	for i, id := range ids {
		if i == 1 { // the first has warmed up
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
				return err
			}
			begun = time.Now()
		}
		submitting := time.Now()
		if err := s.submit(keyOf(id)); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if i > 0 {
			result.Walls = append(result.Walls, time.Since(submitting).Seconds())
		}
		if err := pause(ctx, time.Until(begun.Add(time.Duration(i)*streamEvery))); err != nil {
			return err
		}
	}
	var after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		return err
	}
	result.CPU = (seconds(after) - seconds(before)) / float64(len(ids)-1)
	return json.NewEncoder(os.Stdout).Encode(result)
}

func seconds(u syscall.Rusage) float64 {
	return float64(u.Utime.Nano()+u.Stime.Nano()) / float64(time.Second)
}

// noHints: nothing is watched.
type noHints struct{}

func (noHints) Hint(context.Context, string) error { return nil }

type bareSubmitter struct {
	env      *testsuite.TestActivityEnvironment
	registry *activities.Registry
	control  *activities.Control
	transfer *activities.Transfer
}

// submit calls what a workflow calls until an application is accepted, and the
// report of that.
func (s bareSubmitter) submit(key job.Key) error {
	var loaded activities.LoadResult
	if err := s.call(&loaded, s.registry.Load, activities.LoadInput{Key: key}); err != nil {
		return err
	}
	attempt := key.Attempt(1)
	var reserved activities.ReserveResult
	err := s.call(&reserved, s.control.Reserve, activities.ReserveInput{Cluster: "yarn", Attempt: attempt, NotAfter: time.Now().Add(time.Hour)})
	if err != nil {
		return err
	}
	var staged activities.StageResult
	err = s.call(&staged, s.transfer.Stage, activities.StageInput{
		Key: key, Cluster: "yarn", Attempt: attempt, Application: reserved.Application, Digest: loaded.Digest,
	})
	if err != nil {
		return err
	}
	if len(staged.Problems) > 0 {
		return fmt.Errorf("not staged: %q", staged.Problems)
	}
	var submitted activities.SubmitResult
	if err := s.call(&submitted, s.control.Submit, activities.SubmitInput{Key: key, Cluster: "yarn", Attempt: attempt}); err != nil {
		return err
	}
	if submitted.Busy || submitted.Revoked {
		return fmt.Errorf("not submitted: %+v", submitted)
	}
	var reported activities.ReportResult
	return s.call(&reported, s.registry.Report, activities.ReportInput{
		Key: key, Milestone: job.MilestoneWaiting, Application: reserved.Application, WaitingAt: time.Now(),
	})
}

func (s bareSubmitter) call(result, activity, input any) error {
	var value converter.EncodedValue
	value, err := s.env.ExecuteActivity(activity, input)
	if err != nil {
		return err
	}
	return value.Get(result)
}
