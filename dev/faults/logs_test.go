package faults

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/stack"
)

// mostMemory is what API and worker may hold, however large a log is.
const mostMemory = 150 << 20

// A large log of bytes of every kind is followed and kept as it was written. The API knows
// nothing of the worker's host but the store.
func TestLargeLog(t *testing.T) {
	large := bench.LargeLog{Bytes: 200 << 20, Slow: 20 << 20, MostMemory: mostMemory}
	if testing.Short() {
		large.Bytes = 40 << 20
	}
	b := newBench(t)
	checkLargeLog(b, large)
}

// The same of a real Spark, which hands on what a Python program writes.
func TestLargeLogOfSpark(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	venv, err := filepath.Abs(filepath.Join("..", "..", ".tools", "venv"))
	require.NoError(t, err)
	spark, err := stack.FindSpark(venv)
	require.NoError(t, err)
	b := bench.New(t, bench.Options{
		Prefix: "stoker-faults-", Spark: spark, Prelude: prelude, CheckLeftovers: checkLeftovers, Logs: logs, AtEnd: killStrays,
	})
	checkLargeLog(b, bench.LargeLog{Bytes: 200 << 20, Slow: 20 << 20, MostMemory: mostMemory, Spark: true})
}

func checkLargeLog(b *bench.Bench, large bench.LargeLog) {
	b.Helper()
	large.Worker = b.Worker()
	api, url := b.APIApart()
	large.API = api
	b.User(url).CheckLargeLog(large)
}
