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
	"github.com/stoker-spark/stoker/workflows"
)

// quickly is how long a cancelled application may live on, with a worker that
// is well: no heartbeat timeout passes in it.
const quickly = 10 * time.Second

// Every door to cancel ends a running job the same way.
func TestCancelRunning(t *testing.T) {
	signal := func(payload any) func(context.Context, *given) error {
		return func(ctx context.Context, j *given) error {
			return j.b.client.SignalWorkflow(ctx, j.key.WorkflowID(), "", workflows.SignalCancel, payload)
		}
	}
	garbage := converter.NewRawValue(&common.Payload{
		Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte("{\"reason\": \xff\x00"),
	})
	doors := []struct {
		name string
		open func(context.Context, *given) error
		says string
	}{
		{"signal, object", signal(object{"reason": "no longer needed", "by": "ann"}), "cancelled by signal (ann): no longer needed"},
		{"signal, string", signal("enough"), "cancelled by signal: enough"},
		{"signal, nothing", signal(nil), "cancelled by signal"},
		{"signal, bytes", signal([]byte{0xff, 0}), "cancelled by signal"},
		{"signal, garbage", signal(garbage), "cancelled by signal"},
		{"native", func(ctx context.Context, j *given) error {
			return j.b.client.CancelWorkflow(ctx, j.key.WorkflowID(), "")
		}, "cancelled by workflow cancel"},
		{"update", func(ctx context.Context, j *given) error {
			handle, err := j.b.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
				WorkflowID: j.key.WorkflowID(), UpdateName: workflows.UpdateCancel,
				Args: []any{workflows.CancelRequest{Reason: "by update"}}, WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			if err != nil {
				return err
			}
			var reply workflows.CancelReply
			return handle.Get(ctx, &reply)
		}, "cancelled by update: by update"},
		{"document", func(_ context.Context, j *given) error {
			j.cancelDocument()
			return nil
		}, ""},
	}
	b := newBench(t, setting{configure: func(c *config.Config) {
		cluster := c.Clusters["local"]
		cluster.Local.Concurrency = len(doors)
		c.Clusters["local"] = cluster
	}})
	b.worker()
	b.starter()
	for range doors {
		b.create(waiting)
	}
	for i, door := range doors {
		j := b.jobs[i]
		j.reaches("RUNNING")
		asked := time.Now()
		require.NoError(t, door.open(t.Context(), j), door.name)
		b.eventually("its processes are gone", func() bool { return !j.lives() })
		require.Less(t, time.Since(asked), quickly, door.name)
		j.ends(cancelled)
		require.Contains(t, j.messages(), door.says, door.name)
	}
}

// A job that waits for room on its cluster is cancelled without ever running.
func TestCancelQueued(t *testing.T) {
	long(t)
	b := newBench(t, setting{configure: func(c *config.Config) {
		cluster := c.Clusters["local"]
		cluster.Local.Concurrency = 1
		c.Clusters["local"] = cluster
	}})
	b.worker()
	b.starter()
	busy := b.create(waiting)
	busy.reaches("RUNNING")
	queued := b.create(returning)
	b.eventually("it waits", func() bool {
		view, err := queued.status()
		return err == nil && view.Obstacle == "the cluster is at its concurrency limit"
	})
	queued.cancelDocument()
	queued.ends(unstarted)
	next := b.create(returning)
	busy.let()
	busy.ends(complete)
	next.ends(complete)
}

// Another worker carries a cancel out wherever the first one was killed at it.
func TestWorkerKilledWhileCancelling(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"kill:before", "kill:after", "report:before", "report:after", "clean:before", "clean:after"} {
		t.Run(point, func(t *testing.T) {
			if point != "kill:before" && point != "kill:after" {
				long(t)
			}
			b := newBench(t)
			first := b.holding(point)
			b.starter()
			j := b.create(waiting)
			j.reaches("RUNNING")
			require.NoError(t, b.client.SignalWorkflow(t.Context(), j.key.WorkflowID(), "", workflows.SignalCancel, nil))
			b.held(point)
			first.kill()
			b.release()
			b.worker()
			j.ends(cancelled)
		})
	}
}
