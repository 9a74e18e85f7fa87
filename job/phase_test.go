package job

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPhaseRanks(t *testing.T) {
	t.Parallel()
	want := []Phase{
		"loading", "reserving", "staging", "submitting", "waiting", "running", "collecting", "reporting", "cleaning", "done",
	}
	require.Equal(t, want, Phases())
	for i, p := range want {
		require.Equal(t, i, p.Rank(), p)
	}
	require.Equal(t, -1, Phase("").Rank())
	require.Equal(t, -1, Phase("Loading").Rank())

	Phases()[0] = "changed"
	require.Equal(t, PhaseLoading, Phases()[0], "the list is the caller's own")
}

func TestStateRanks(t *testing.T) {
	t.Parallel()
	ranks := map[State]int{
		StateAbsent: 0, StatePending: 1, StateRunning: 2, StateSucceeded: 3, StateFailed: 3, StateKilled: 3, "": -1, "RUNNING": -1,
	}
	for state, rank := range ranks {
		require.Equal(t, rank, state.Rank(), "state %q", state)
		require.Equal(t, rank == 3, state.Terminal(), "state %q", state)
	}
}

func TestKindRole(t *testing.T) {
	t.Parallel()
	for kind, role := range map[Kind]string{KindScoring: "score", KindMetrics: "metrics", KindTraining: "train", "": "", "Scoring": ""} {
		require.Equal(t, role, kind.Role(), "kind %q", kind)
	}
}

func TestDriverReportAnswersForNil(t *testing.T) {
	t.Parallel()
	for state, want := range map[string][2]bool{"returned": {true, false}, "raised": {false, true}, "running": {false, false}, "": {false, false}} {
		d := &DriverReport{State: state}
		require.Equal(t, want, [2]bool{d.Returned(), d.Raised()}, "state %q", state)
	}
	var none *DriverReport
	require.False(t, none.Returned())
	require.False(t, none.Raised())
}
