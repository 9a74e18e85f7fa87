package faults

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/workflows"
)

// quickly is how long a cancelled application may live on, with a worker that
// is well: no heartbeat timeout passes in it.
const quickly = 10 * time.Second

// Every door to cancel ends a running job the same way.
func TestCancelRunning(t *testing.T) {
	signal := func(payload any) func(context.Context, *bench.Job) error {
		return func(ctx context.Context, j *bench.Job) error {
			return j.Bench.Client.SignalWorkflow(ctx, j.Key.WorkflowID(), "", workflows.SignalCancel, payload)
		}
	}
	garbage := converter.NewRawValue(&common.Payload{
		Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte("{\"reason\": \xff\x00"),
	})
	doors := []struct {
		name string
		open func(context.Context, *bench.Job) error
		says string
	}{
		{"signal, bench.Object", signal(bench.Object{"reason": "no longer needed", "by": "ann"}), "cancelled by signal (ann): no longer needed"},
		{"signal, string", signal("enough"), "cancelled by signal: enough"},
		{"signal, nothing", signal(nil), "cancelled by signal"},
		{"signal, bytes", signal([]byte{0xff, 0}), "cancelled by signal"},
		{"signal, garbage", signal(garbage), "cancelled by signal"},
		{"native", func(ctx context.Context, j *bench.Job) error {
			return j.Bench.Client.CancelWorkflow(ctx, j.Key.WorkflowID(), "")
		}, "cancelled by workflow cancel"},
		{"update", func(ctx context.Context, j *bench.Job) error {
			handle, err := j.Bench.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
				WorkflowID: j.Key.WorkflowID(), UpdateName: workflows.UpdateCancel,
				Args: []any{workflows.CancelRequest{Reason: "by update"}}, WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			if err != nil {
				return err
			}
			var reply workflows.CancelReply
			return handle.Get(ctx, &reply)
		}, "cancelled by update: by update"},
		{"document", func(_ context.Context, j *bench.Job) error {
			j.CancelDocument()
			return nil
		}, ""},
	}
	b := newBench(t, bench.Setting{Configure: func(c *config.Config) {
		cluster := c.Clusters["local"]
		cluster.Local.Concurrency = len(doors)
		c.Clusters["local"] = cluster
	}})
	b.Worker()
	b.Starter()
	for range doors {
		b.Create(waiting)
	}
	for i, door := range doors {
		j := b.Jobs[i]
		j.Reaches("RUNNING")
		asked := time.Now()
		require.NoError(t, door.open(t.Context(), j), door.name)
		b.Eventually("its processes are gone", func() bool { return !lives(j) })
		require.Less(t, time.Since(asked), quickly, door.name)
		j.Ends(bench.Cancelled)
		require.Contains(t, j.Messages(), door.says, door.name)
	}
}

// A job that waits for room on its cluster is cancelled without ever running.
func TestCancelQueued(t *testing.T) {
	bench.Long(t)
	b := newBench(t, bench.Setting{Configure: func(c *config.Config) {
		cluster := c.Clusters["local"]
		cluster.Local.Concurrency = 1
		c.Clusters["local"] = cluster
	}})
	b.Worker()
	b.Starter()
	busy := b.Create(waiting)
	busy.Reaches("RUNNING")
	queued := b.Create(returning)
	b.Eventually("it waits", func() bool {
		view, err := queued.Status()
		return err == nil && view.Obstacle == "the cluster is at its concurrency limit"
	})
	queued.CancelDocument()
	queued.Ends(bench.Unstarted)
	next := b.Create(returning)
	busy.Let()
	busy.Ends(bench.Complete)
	next.Ends(bench.Complete)
}

// Another worker carries a cancel out wherever the first one was killed at it.
func TestWorkerKilledWhileCancelling(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"kill:before", "kill:after", "report:before", "report:after", "clean:before", "clean:after"} {
		t.Run(point, func(t *testing.T) {
			if point != "kill:before" && point != "kill:after" {
				bench.Long(t)
			}
			b := newBench(t)
			first := b.Holding(point)
			b.Starter()
			j := b.Create(waiting)
			j.Reaches("RUNNING")
			require.NoError(t, b.Client.SignalWorkflow(t.Context(), j.Key.WorkflowID(), "", workflows.SignalCancel, nil))
			b.Held(point)
			first.Kill()
			b.Release()
			b.Worker()
			j.Ends(bench.Cancelled)
		})
	}
}
