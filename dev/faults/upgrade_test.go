package faults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
)

const deployment = "stoker-faults"

// version starts a worker of a version.
func version(b *bench.Bench, build string) *bench.Process {
	b.Helper()
	return b.WorkerWith([]string{"STOKER_WORKER__DEPLOYMENT__NAME=" + deployment, "STOKER_WORKER__DEPLOYMENT__BUILDID=" + build})
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

// Workers are upgraded under jobs in every phase that lasts: one that waits for room,
// one that runs, one whose output is being collected. They move on to the new version,
// and nothing is launched twice.
func TestUpgradeUnderRunningJobs(t *testing.T) {
	b := newBench(t, bench.Setting{Configure: func(c *config.Config) {
		local := c.Clusters["local"]
		local.Local.Concurrency = 2
		c.Clusters["local"] = local
	}})
	old := version(b, "1")
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
}

// With versioning on and no version current no job goes on, which doctor says.
func TestVersioningWithoutACurrentVersion(t *testing.T) {
	b := newBench(t)
	env := []string{"STOKER_WORKER__DEPLOYMENT__NAME=" + deployment, "STOKER_WORKER__DEPLOYMENT__BUILDID=1"}
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
