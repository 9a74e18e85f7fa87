package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/simulator"
)

// troubles are what model-manage does to requests that are about a job.
var troubles = map[string]simulator.Fault{
	"down":       {Kind: simulator.FaultDrop},
	"500":        {Kind: simulator.FaultStatus, Status: 500},
	"401":        {Kind: simulator.FaultStatus, Status: 401},
	"garbage":    {Kind: simulator.FaultGarbage},
	"slow":       {Kind: simulator.FaultLatency, LatencyMs: 1500},
	"412":        {Kind: simulator.FaultStatus, Status: 412, Method: "PATCH"},
	"lost reply": {Kind: simulator.FaultLostReply, Method: "PATCH"},
}

// often is how many requests one of which fails: fewer than a final report makes
// in a row, or it would never get through.
const often = 7

// Requests fail now and then, through the whole life of a job.
func TestModelManageFlaky(t *testing.T) {
	t.Parallel()
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			bench.Long(t)
			b := newBench(t)
			b.Worker()
			trouble.Path, trouble.Every = "/job-1", often
			b.Faults(trouble)
			b.Starter()
			j := b.Create(returning)
			j.Ends(bench.Complete)
			require.Positive(t, b.Applied(), "the trouble was met")
		})
	}
}

// Model-manage fails at one moment of a job until it was asked a few times.
func TestModelManageOutage(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"load:before", "stage:before", "submit:before", "submit:after", "report:before"} {
		for name, trouble := range troubles {
			t.Run(moment+"/"+name, func(t *testing.T) {
				if moment != "stage:before" || name != "down" {
					bench.Long(t)
				}
				if trouble.Method == "PATCH" && (moment == "load:before" || moment == "submit:before") {
					t.Skip("nothing is written then")
				}
				b := newBench(t)
				b.Holding(moment)
				b.Starter()
				j := b.Create(waiting)
				if moment == "report:before" {
					j.Let()
				}
				b.Held(moment)
				trouble.Path = "/job-1"
				b.Faults(trouble)
				b.ReleaseForGood()
				times := 2
				if trouble.Kind == simulator.FaultLostReply {
					times = 1 // the next try finds its write done
				}
				b.Eventually("the trouble is met", func() bool { return b.Applied() >= times })
				b.Faults()
				j.Let()
				j.Ends(bench.Complete)
			})
		}
	}
}

// Requests refused by an old token are repeated with the new one.
func TestModelManageToken(t *testing.T) {
	bench.Long(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("first-token\n"), 0o600))
	b := newBench(t, bench.Setting{Keys: map[string]any{"modelManage/tokenFile": file}})
	j := b.Create(waiting)
	b.Simulator("PUT", "/sim/token", bench.Object{"token": "first-token"})
	w := b.Worker()
	b.Starter()
	j.Reaches("RUNNING")
	b.Simulator("PUT", "/sim/token", bench.Object{"token": "second-token"})
	j.Let()
	w.Says("phase=reporting")
	b.Never("an end is reported with the old token", 2*time.Second, func() bool { return j.Standing() != "RUNNING" })
	require.NoError(t, os.WriteFile(file, []byte("second-token\n"), 0o600))
	j.Ends(bench.Complete)
}
