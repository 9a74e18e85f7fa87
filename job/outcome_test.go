package job

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	runningReport  = &DriverReport{State: "running", Stage: "function"}
	returnedReport = &DriverReport{State: "returned", Stage: "function"}
	raisedReport   = &DriverReport{State: "raised", Stage: "function", ErrorType: "ValueError", Message: "no rows", Traceback: "line 3"}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	const raw = "exit code 1"
	missing := []string{"output 1 (a.csv) was not written", "output 2 (b.csv) was not written"}
	succeeded := Outcome{Result: ResultSucceeded, Phase: PhaseDone}
	raisedOutcome := Outcome{
		Result: ResultFailed, Class: ClassApplication, Phase: PhaseRunning,
		Message: "ValueError: no rows", ErrorType: "ValueError", Traceback: "line 3",
	}
	uncollected := Outcome{
		Result: ResultFailed, Class: ClassApplication, Phase: PhaseCollecting,
		Message: missing[0] + "; " + missing[1], Problems: missing,
	}
	failed := func(class Class, phase Phase, message string) Outcome {
		return Outcome{Result: ResultFailed, Class: class, Phase: phase, Message: message}
	}
	lost := func(message string) Outcome {
		return Outcome{Result: ResultLost, Phase: PhaseRunning, Message: message}
	}
	noted := func(o Outcome) Outcome {
		o.Notes = []string{"the cluster no longer knew the application; the driver's status file says that the function returned"}
		return o
	}
	const (
		endedEarly = "the program ended before the function returned"
		forgotten  = "the cluster does not know the application and nothing says how it ended: " + raw
		afterwards = "the function returned, but the application failed afterwards: " + raw
		noStart    = "the application failed before the job's own code began: " + raw
		vanished   = "the application vanished before the job's own code began: " + raw
		appFailed  = "the application failed: " + raw
		outside    = "the application was killed from outside: " + raw
	)
	const python, jar = true, false
	for name, row := range map[string]struct {
		python    bool
		state     State
		driver    *DriverReport
		began     Began
		restarted bool
		problems  []string
		want      Outcome
	}{
		"succeeded, returned":              {python, StateSucceeded, returnedReport, BeganYes, false, nil, succeeded},
		"succeeded, returned, no output":   {python, StateSucceeded, returnedReport, BeganYes, false, missing, uncollected},
		"succeeded, raised":                {python, StateSucceeded, raisedReport, BeganYes, false, missing, raisedOutcome},
		"succeeded, running":               {python, StateSucceeded, runningReport, BeganYes, false, nil, failed(ClassApplication, PhaseRunning, endedEarly)},
		"succeeded, no status":             {python, StateSucceeded, nil, BeganYes, false, nil, failed(ClassApplication, PhaseRunning, endedEarly)},
		"succeeded, jar":                   {jar, StateSucceeded, nil, BeganUnknown, false, nil, succeeded},
		"succeeded, jar, stray status":     {jar, StateSucceeded, raisedReport, BeganUnknown, false, nil, succeeded},
		"succeeded, jar, no output":        {jar, StateSucceeded, nil, BeganUnknown, false, missing, uncollected},
		"failed, raised":                   {python, StateFailed, raisedReport, BeganYes, false, nil, raisedOutcome},
		"failed, returned":                 {python, StateFailed, returnedReport, BeganYes, false, nil, failed(ClassInfrastructure, PhaseRunning, afterwards)},
		"failed, running":                  {python, StateFailed, runningReport, BeganYes, false, nil, failed(ClassApplication, PhaseRunning, appFailed)},
		"failed, no status, began":         {python, StateFailed, nil, BeganYes, false, nil, failed(ClassApplication, PhaseRunning, appFailed)},
		"failed, no status, began unknown": {python, StateFailed, nil, BeganUnknown, false, nil, failed(ClassApplication, PhaseRunning, appFailed)},
		"failed, never began":              {python, StateFailed, nil, BeganNo, false, nil, failed(ClassInfrastructure, PhaseSubmitting, noStart)},
		"failed, jar, never began":         {jar, StateFailed, nil, BeganNo, false, nil, failed(ClassInfrastructure, PhaseSubmitting, noStart)},
		"failed, jar":                      {jar, StateFailed, nil, BeganUnknown, false, nil, failed(ClassApplication, PhaseRunning, appFailed)},
		"failed, jar, stray status":        {jar, StateFailed, returnedReport, BeganUnknown, false, nil, failed(ClassApplication, PhaseRunning, appFailed)},
		"failed, restarted":                {python, StateFailed, nil, BeganYes, true, nil, failed(ClassInfrastructure, PhaseRunning, raw)},
		// A stop of the host makes the model raise: its gateway to Spark breaks.
		"failed, restarted, raised":   {python, StateFailed, raisedReport, BeganYes, true, nil, failed(ClassInfrastructure, PhaseRunning, raw)},
		"killed":                      {python, StateKilled, nil, BeganYes, false, nil, failed(ClassKilled, PhaseRunning, outside)},
		"killed, returned":            {python, StateKilled, returnedReport, BeganYes, false, nil, failed(ClassKilled, PhaseRunning, outside)},
		"killed, jar":                 {jar, StateKilled, nil, BeganUnknown, false, nil, failed(ClassKilled, PhaseRunning, outside)},
		"absent, returned":            {python, StateAbsent, returnedReport, BeganYes, false, nil, noted(succeeded)},
		"absent, returned, no output": {python, StateAbsent, returnedReport, BeganYes, false, missing, noted(uncollected)},
		"absent, raised":              {python, StateAbsent, raisedReport, BeganYes, false, nil, raisedOutcome},
		"absent, running":             {python, StateAbsent, runningReport, BeganYes, false, nil, lost(forgotten)},
		"absent, no status":           {python, StateAbsent, nil, BeganUnknown, false, nil, lost(forgotten)},
		"absent, began":               {python, StateAbsent, nil, BeganYes, false, nil, lost(forgotten)},
		"absent, never began":         {python, StateAbsent, nil, BeganNo, false, nil, failed(ClassInfrastructure, PhaseSubmitting, vanished)},
		"absent, restarted":           {python, StateAbsent, nil, BeganYes, true, nil, failed(ClassInfrastructure, PhaseRunning, raw)},
		"absent, jar":                 {jar, StateAbsent, nil, BeganUnknown, false, nil, lost(forgotten)},
		"absent, jar, stray status":   {jar, StateAbsent, returnedReport, BeganUnknown, false, nil, lost(forgotten)},
		"pending":                     {python, StatePending, nil, BeganNo, false, nil, lost("the application was last seen pending and can no longer be followed: " + raw)},
		"running":                     {python, StateRunning, returnedReport, BeganYes, false, nil, lost("the application was last seen running and can no longer be followed: " + raw)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Decide(Evidence{
				Observation: Observation{
					State: row.state, Raw: raw, Driver: row.driver, Began: row.began, Restarted: row.restarted,
				},
				PythonDriver: row.python, CollectProblems: row.problems,
			})
			require.Equal(t, row.want, got)
		})
	}
}

func TestDecideSaysSomethingWithoutTheClustersWords(t *testing.T) {
	t.Parallel()
	for _, state := range []State{StatePending, StateRunning, StateFailed, StateKilled, StateAbsent, ""} {
		require.Contains(t, Decide(Evidence{Observation: Observation{State: state}}).Message, "no reason given", state)
	}
	untyped := &DriverReport{State: "raised", Message: "boom"}
	require.Equal(t, "boom", Decide(Evidence{PythonDriver: true, Observation: Observation{State: StateFailed, Driver: untyped}}).Message)
}

// Want of a SparkContext is the program's failure, but neither hides what the program
// raised nor that its host went away.
func TestDecideWithoutSparkContext(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		python    bool
		driver    *DriverReport
		restarted bool
		class     Class
		message   string
	}{
		"returned":  {true, returnedReport, false, ClassApplication, "raw"},
		"running":   {true, runningReport, false, ClassApplication, "raw"},
		"no status": {true, nil, false, ClassApplication, "raw"},
		"no driver": {false, nil, false, ClassApplication, "raw"},
		"raised":    {true, raisedReport, false, ClassApplication, "ValueError: no rows"},
		"restarted": {true, returnedReport, true, ClassInfrastructure, "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome := Decide(Evidence{PythonDriver: row.python, Observation: Observation{
				State: StateFailed, Raw: "raw", Began: BeganYes, NoContext: true, Restarted: row.restarted, Driver: row.driver,
			}})
			require.Equal(t, ResultFailed, outcome.Result)
			require.Equal(t, row.class, outcome.Class)
			require.Equal(t, row.message, outcome.Message)
		})
	}
}

// Whatever the evidence: the definition of succeeded holds in both directions,
// what is lost has no class and is never retried, and a failure has a class.
func TestDecideKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := Evidence{
			Observation: Observation{
				State: rapid.SampledFrom([]State{
					StatePending, StateRunning, StateSucceeded, StateFailed, StateKilled, StateAbsent, "", "odd",
				}).Draw(t, "state"),
				Raw:       rapid.SampledFrom([]string{"", "raw"}).Draw(t, "raw"),
				Began:     rapid.SampledFrom([]Began{BeganUnknown, BeganNo, BeganYes}).Draw(t, "began"),
				Restarted: rapid.Bool().Draw(t, "restarted"),
				NoContext: rapid.Bool().Draw(t, "noContext"),
				Driver:    rapid.SampledFrom([]*DriverReport{nil, runningReport, returnedReport, raisedReport}).Draw(t, "driver"),
			},
			PythonDriver:    rapid.Bool().Draw(t, "python"),
			CollectProblems: rapid.SampledFrom([][]string{nil, {"missing"}}).Draw(t, "problems"),
		}
		o, out := e.Observation, Decide(e)

		bySource := o.State == StateSucceeded && (!e.PythonDriver || o.Driver.Returned())
		byFile := o.State == StateAbsent && e.PythonDriver && o.Driver.Returned()
		require.Equal(t, (bySource || byFile) && len(e.CollectProblems) == 0, out.Succeeded(), "%+v", out)

		require.NotEqual(t, ResultCancelled, out.Result, "only a request cancels")
		require.Equal(t, out.Result == ResultFailed, out.Class != "")
		if !o.State.Terminal() && o.State != StateAbsent {
			require.Equal(t, ResultLost, out.Result)
		}
		if out.Result == ResultLost {
			require.False(t, o.State.Terminal(), "a cluster that says how it ended is believed")
			always := RetryPolicy{InfrastructureRetries: 100, RerunAfterStart: true}
			require.False(t, always.May(out, BeganNo, 1))
		}
		if !out.Succeeded() {
			require.NotEmpty(t, out.Message)
		}
	})
}

func TestOutcomeString(t *testing.T) {
	t.Parallel()
	require.Equal(t, "succeeded", Outcome{Result: ResultSucceeded}.String())
	require.Equal(t, "lost: gone", Outcome{Result: ResultLost, Message: "gone"}.String())
	require.Equal(t, "failed/deadline: 3h are over", Failed(ClassDeadline, PhaseWaiting, "%s are over", "3h").String())
}

func TestRetryPolicyMay(t *testing.T) {
	t.Parallel()
	infrastructure := Failed(ClassInfrastructure, PhaseRunning, "host restarted")
	careful := RetryPolicy{InfrastructureRetries: 2}
	daring := RetryPolicy{InfrastructureRetries: 2, RerunAfterStart: true}
	never := RetryPolicy{RerunAfterStart: true}
	for name, row := range map[string]struct {
		policy  RetryPolicy
		outcome Outcome
		began   Began
		made    int
		want    bool
	}{
		"first retry":             {careful, infrastructure, BeganNo, 1, true},
		"second retry":            {careful, infrastructure, BeganNo, 2, true},
		"no third":                {careful, infrastructure, BeganNo, 3, false},
		"began":                   {careful, infrastructure, BeganYes, 1, false},
		"unknown counts as began": {careful, infrastructure, BeganUnknown, 1, false},
		"opted in, began":         {daring, infrastructure, BeganYes, 1, true},
		"opted in, unknown":       {daring, infrastructure, BeganUnknown, 2, true},
		"opted in, no third":      {daring, infrastructure, BeganYes, 3, false},
		"no retries":              {never, infrastructure, BeganNo, 1, false},
		"lost":                    {daring, Outcome{Result: ResultLost}, BeganNo, 1, false},
		"lost, with a class":      {daring, Outcome{Result: ResultLost, Class: ClassInfrastructure}, BeganNo, 1, false},
		"cancelled":               {daring, Outcome{Result: ResultCancelled, Class: ClassInfrastructure}, BeganNo, 1, false},
		"succeeded, with a class": {daring, Outcome{Result: ResultSucceeded, Class: ClassInfrastructure}, BeganNo, 1, false},
		"application":             {daring, Failed(ClassApplication, PhaseRunning, ""), BeganNo, 1, false},
		"invalid":                 {daring, Failed(ClassInvalid, PhaseLoading, ""), BeganNo, 1, false},
		"submission":              {daring, Failed(ClassSubmission, PhaseSubmitting, ""), BeganNo, 1, false},
		"deadline":                {daring, Failed(ClassDeadline, PhaseWaiting, ""), BeganNo, 1, false},
		"killed":                  {daring, Failed(ClassKilled, PhaseRunning, ""), BeganNo, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, row.policy.May(row.outcome, row.began, row.made))
		})
	}
}

func TestCollectProblemsStandInTheMessage(t *testing.T) {
	t.Parallel()
	problems := []string{"output 1 (x.csv) was not written"}
	out := Decide(Evidence{Observation: Observation{State: StateSucceeded}, CollectProblems: problems})
	require.Equal(t, problems, out.Problems)
	require.Contains(t, out.Message, "x.csv")
}
