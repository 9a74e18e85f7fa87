package faults

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
)

const deployment = "stoker-faults"

func versioned(build string) []string {
	return []string{"STOKER_WORKER__DEPLOYMENT__NAME=" + deployment, "STOKER_WORKER__DEPLOYMENT__BUILDID=" + build}
}

// version starts a worker of a version.
func version(b *bench.Bench, build string) *bench.Process {
	b.Helper()
	return b.WorkerWith(versioned(build))
}

// earlier starts a worker of a version whose program is STOKER_BEFORE, if that is set
// (make test-upgrade), and the one under test otherwise.
func earlier(b *bench.Bench, build string) *bench.Process {
	b.Helper()
	program := os.Getenv("STOKER_BEFORE")
	if program == "" {
		return version(b, build)
	}
	p := b.StartProgram("worker-before", program, versioned(build), "worker", "--config", b.ConfigFile)
	p.Says("worker started")
	return p
}

// makeCurrent sends jobs to a version, as an operator does.
func makeCurrent(b *bench.Bench, build string) {
	b.Helper()
	handle := b.Client.WorkerDeploymentClient().GetHandle(deployment)
	b.Eventually("version "+build+" is current", func() bool {
		_, err := handle.SetCurrentVersion(b.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
		return err == nil // a version is known a moment after its worker is
	})
}

// Workers are upgraded under jobs that wait for room and jobs that run. They move on to
// the new version, which sees them end, and nothing is launched twice. Where else a job
// may be is TestUpgradeOnTheWaysOfTheGoldens' matter.
func TestUpgradeUnderRunningJobs(t *testing.T) {
	bench.Long(t)
	b := newBench(t, bench.Setting{Configure: func(c *config.Config) {
		local := c.Clusters["local"]
		local.Local.Concurrency = 2
		c.Clusters["local"] = local
	}})
	old := earlier(b, "1")
	makeCurrent(b, "1")
	b.Starter()
	running, ending := b.Create(waiting), b.Create(waiting)
	running.Begun()
	ending.Begun()
	busy := b.Create(returning)
	busy.Phase("submitting")

	version(b, "2")
	makeCurrent(b, "2")
	old.Kill()
	ending.Let()
	ending.Ends(bench.Complete)
	busy.Ends(bench.Complete)
	after := b.Create(returning)
	after.Ends(bench.Complete)
	running.Let()
	running.Ends(bench.Complete)
	for _, j := range []*bench.Job{running, ending, busy, after} {
		described, err := b.Client.DescribeWorkflowExecution(b.Context(), j.Key.WorkflowID(), "")
		require.NoError(t, err)
		require.Equal(t, "2", described.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId())
	}
}

// With versioning on and no version current no job goes on, which doctor says.
func TestVersioningWithoutACurrentVersion(t *testing.T) {
	b := newBench(t)
	env := versioned("1")
	b.WorkerWith(env)
	doctor := func() string {
		return b.Start("doctor", "stoker", env, "doctor", "--config", b.ConfigFile).Output()
	}
	b.Eventually("doctor says what to do", func() bool {
		return strings.Contains(doctor(), "has no current version, so no job goes on")
	})
	makeCurrent(b, "1")
	require.Contains(t, doctor(), "1 is current in deployment "+deployment)
}
