package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
			long(t)
			b := newBench(t)
			b.worker()
			trouble.Path, trouble.Every = "/job-1", often
			b.faults(trouble)
			b.starter()
			j := b.create(returning)
			j.ends(complete)
			require.Positive(t, b.applied(), "the trouble was met")
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
					long(t)
				}
				if trouble.Method == "PATCH" && (moment == "load:before" || moment == "submit:before") {
					t.Skip("nothing is written then")
				}
				b := newBench(t)
				b.holding(moment)
				b.starter()
				j := b.create(waiting)
				if moment == "report:before" {
					j.let()
				}
				b.held(moment)
				trouble.Path = "/job-1"
				b.faults(trouble)
				b.releaseForGood()
				times := 2
				if trouble.Kind == simulator.FaultLostReply {
					times = 1 // the next try finds its write done
				}
				b.eventually("the trouble is met", func() bool { return b.applied() >= times })
				b.faults()
				j.let()
				j.ends(complete)
			})
		}
	}
}

// Requests refused by an old token are repeated with the new one.
func TestModelManageToken(t *testing.T) {
	long(t)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("first-token\n"), 0o600))
	b := newBench(t, setting{keys: map[string]any{"modelManage/tokenFile": file}})
	j := b.create(waiting)
	b.simulator("PUT", "/sim/token", object{"token": "first-token"})
	w := b.worker()
	b.starter()
	j.reaches("RUNNING")
	b.simulator("PUT", "/sim/token", object{"token": "second-token"})
	j.let()
	w.says("phase=reporting")
	b.never("an end is reported with the old token", 2*time.Second, func() bool { return j.standing() != "RUNNING" })
	require.NoError(t, os.WriteFile(file, []byte("second-token\n"), 0o600))
	j.ends(complete)
}
