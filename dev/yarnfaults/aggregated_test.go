//go:build hadoop

package yarnfaults

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// lastWords writes all but the first line once it is let go.
const lastWords = `import os, sys, time
from pyspark.sql import SparkSession

SparkSession.builder.getOrCreate()
print("begun", flush=True)
open(sys.argv[1] + ".begun", "w").close()
while not os.path.exists(sys.argv[1] + ".go"):
    time.sleep(0.02)
for i in range(100000):
    print("line %d" % i)
print("this was all", file=sys.stderr)
`

// A job ends while no worker looks and its log is aggregated. The worker that comes then
// reads all of it from HDFS: the history server is down, or nothing says where it is.
func TestAggregatedLogsWithoutHistoryServer(t *testing.T) {
	kill(t, hadoop.JobHistoryServer)
	for name, changes := range map[string][]option{"down": nil, "not configured": {withoutHistory}} {
		t.Run(name, func(t *testing.T) {
			i := install(t, changes...)
			worker := i.Worker()
			o := owned(i)
			id := o.Submit(jobspec.Spec{File: o.Upload([]byte(lastWords), "last.py"), Args: []string{o.base}}).ID
			o.Eventually("it has begun and is followed", func() bool {
				_, err := os.Stat(o.base + ".begun")
				return err == nil && o.Job(id).Phase == job.PhaseRunning
			})
			app := o.Job(id).ApplicationID
			worker.Kill()
			o.let()
			o.Eventually("its logs are aggregated", func() bool {
				found, _ := application(t, app)
				return found.State.Ended() && found.LogAggregation == "SUCCEEDED"
			})
			i.Worker()
			done := o.Done(id)
			require.Equal(t, job.ResultSucceeded, done.Outcome.Result, "%+v", done.Outcome)
			var want strings.Builder
			for n := range 100_000 {
				fmt.Fprintf(&want, "line %d\n", n)
			}
			log := o.Log(id, "stdout")
			require.Greater(t, len(log), want.Len(), "the log is cut off")
			require.Contains(t, log, "begun\n"+want.String())
			require.Contains(t, log+o.Log(id, "stderr"), "this was all\n")
		})
	}
}
