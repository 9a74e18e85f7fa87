package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	sdk "go.temporal.io/sdk/worker"

	"github.com/stoker-spark/stoker/activities"
)

func TestParseHold(t *testing.T) {
	t.Parallel()
	for point, want := range map[string]string{
		"load": "load:before", "reserve:before": "reserve:before", "stage:after": "stage:after", "submit": "submit:before",
		"watch:after": "watch:after", "kill:before": "kill:before", "collect:after": "collect:after", "report:after": "report:after",
		"clean:before": "clean:before", "intent:after": "intent:after", "launch:after": "launch:after",
	} {
		hold, err := ParseHold(point, "held")
		require.NoError(t, err, point)
		require.Equal(t, Hold{Point: want, File: "held"}, hold, point)
	}
	none, err := ParseHold("", "held")
	require.NoError(t, err)
	require.Equal(t, Hold{}, none)
	for _, point := range []string{
		"nonsense", "stage:", "stage:during", ":", ":before", "Stage", "stage:before:after", "intent", "intent:before", "launch:before", " stage",
	} {
		_, err := ParseHold(point, "held")
		require.ErrorContains(t, err, "no such point", point)
	}
}

func FuzzParseHold(f *testing.F) {
	f.Add("stage:after")
	f.Add("intent:after")
	f.Add("::")
	f.Fuzz(func(t *testing.T, point string) {
		hold, err := ParseHold(point, "held")
		if err != nil {
			require.NotEmpty(t, point)
			require.Equal(t, Hold{}, hold)
			return
		}
		again, err := ParseHold(hold.Point, "held")
		require.NoError(t, err)
		require.Equal(t, hold, again)
	})
}

// Every activity that a job's phase consists of can be held at.
func TestHoldStepsAreActivities(t *testing.T) {
	t.Parallel()
	var (
		registry *activities.Registry
		control  *activities.Control
		transfer *activities.Transfer
	)
	// A renamed activity would silently be held no more.
	known := map[string]any{
		"Load": registry.Load, "Reserve": control.Reserve, "Submit": control.Submit, "Observe": control.Observe, "Kill": control.Kill,
		"Stage": transfer.Stage, "Collect": transfer.Collect, "ReportEnd": transfer.ReportEnd, "Clean": transfer.Clean,
	}
	require.Len(t, holdSteps, len(known))
	for name := range holdSteps {
		require.Contains(t, known, name)
	}
}

// awaitFile waits until a file is there.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, 20*time.Second, time.Millisecond)
}

func TestHoldBlocksUntilItsFileGoes(t *testing.T) {
	t.Parallel()
	hold := Hold{Point: "stage:after", File: filepath.Join(t.TempDir(), "held")}
	hold.At(t.Context(), "stage:before")
	require.NoFileExists(t, hold.File, "another point")
	Hold{}.At(t.Context(), "")

	released := make(chan struct{})
	go func() { defer close(released); hold.At(t.Context(), "stage:after") }()
	awaitFile(t, hold.File)
	select {
	case <-released:
		require.Fail(t, "it went on while the file was there")
	default:
	}
	content, err := os.ReadFile(hold.File)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix("stage:after\n", string(content)), "%q", content)
	require.NoError(t, os.Remove(hold.File))
	<-released
}

func TestHoldThatCannotSayItHolds(t *testing.T) {
	t.Parallel()
	hold := Hold{Point: "load:before", File: filepath.Join(t.TempDir(), "no", "such", "held")}
	require.Panics(t, func() { hold.At(t.Context(), "load:before") })
}

func TestHolderHoldsAroundItsActivity(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"stage:before", "stage:after"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			hold := Hold{Point: point, File: filepath.Join(t.TempDir(), "held")}
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(quiet{})
			env := suite.NewTestActivityEnvironment()
			env.SetWorkerOptions(sdk.Options{Interceptors: []interceptor.WorkerInterceptor{&holder{hold: hold}}})
			ran := make(chan struct{}, 1)
			named := func(name string) {
				env.RegisterActivityWithOptions(func(context.Context) (int, error) {
					ran <- struct{}{}
					return 7, errors.New("its own error")
				}, activity.RegisterOptions{Name: name})
			}
			named("Stage")
			named("Submit")

			_, err := env.ExecuteActivity("Submit")
			require.ErrorContains(t, err, "its own error", "another activity passes")
			<-ran
			done := make(chan error, 1)
			go func() { _, err := env.ExecuteActivity("Stage"); done <- err }()
			awaitFile(t, hold.File)
			require.Len(t, ran, map[string]int{"stage:before": 0, "stage:after": 1}[point])
			require.NoError(t, os.Remove(hold.File))
			require.ErrorContains(t, <-done, "its own error")
		})
	}
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func TestHoldInsideASupervisor(t *testing.T) {
	t.Parallel()
	hold, err := ParseHold("supervisor:claimed", "held")
	require.NoError(t, err)
	given := []string{"stoker", "supervise"}
	command, err := hold.supervisor(given)
	require.NoError(t, err)
	require.Equal(t, []string{"stoker", "supervise", "--hold", "claimed"}, command)
	require.Equal(t, []string{"stoker", "supervise"}, given)

	command, err = hold.supervisor(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"supervise", "--hold", "claimed"}, command[1:], "this binary's own supervisor")

	command, err = Hold{Point: "stage:before"}.supervisor(given)
	require.NoError(t, err)
	require.Equal(t, given, command)

	_, err = ParseHold("supervisor", "held")
	require.ErrorContains(t, err, "no such point")
}
