//go:build hadoop

package yarnfaults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/hadoop"
)

// The NameNode is killed while jobs stage, collect and clean, and comes back:
// they say what they wait for, and go on.
func TestNameNodeRestarted(t *testing.T) {
	bench.Long(t)
	var jobs []*bench.Job
	for _, point := range []string{"reserve:before", "stage:before", "submit:before", "collect:before", "clean:before"} {
		i := install(t)
		i.Holding(point)
		i.Starter()
		j := i.Create(returning)
		i.Held(point)
		jobs = append(jobs, j)
	}

	kill(t, hadoop.NameNode)
	for _, j := range jobs {
		j.Bench.ReleaseForGood()
	}
	cleaning := jobs[len(jobs)-1]
	for _, j := range jobs[:len(jobs)-1] {
		details(j, "cluster yarn is out of reach since")
	}
	require.Equal(t, "COMPLETE", cleaning.Standing(), "the end is told before cleaning")
	start(t, hadoop.NameNode)
	for _, j := range jobs {
		ends(j, bench.Complete)
	}
}
