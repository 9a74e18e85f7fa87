package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

func TestWaitSaysEachPhaseOnce(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.looks = []string{loading, running, running, succeeded}
	got := stoker(t, f.env(), "submit", "--wait", "local:/a.py")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "api-1\n", got.stdout)
	require.Regexp(t, `^\d\d:\d\d:\d\d  loading\n\d\d:\d\d:\d\d  running\njob api-1 succeeded after \S+\n$`, got.stderr)
}

func TestWaitForAJobThatFails(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.looks = []string{failed}
	var out strings.Builder
	for i := range 100 {
		fmt.Fprintf(&out, "out %d\n", i)
	}
	f.logs = map[string]string{"stdout": out.String(), "stderr": "\x1b[2Joh no\n"}
	got := stoker(t, f.env(), "submit", "--wait", "local:/a.py")
	require.Equal(t, 1, got.code)
	require.Equal(t, "api-1\n", got.stdout)
	for _, want := range []string{
		"job api-1 failed (application) after", "ValueError: [31mno\n", "  - row 7\n", "line 1\nline 2\n",
		"--- last lines of stdout\nout 80\n", "out 99\n", "--- last lines of stderr\n[2Joh no\n", "stoker logs api-1",
	} {
		require.Contains(t, got.stderr, want)
	}
	require.NotContains(t, got.stderr, "out 79\n")
	require.NotContains(t, got.stderr, "\x1b", "a job doesn't command the terminal")

	got = stoker(t, f.env(), "rerun", "api-1", "-w", "-o", "json")
	require.Equal(t, 1, got.code)
	var ended client.Job
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &ended), got.stdout)
	require.Equal(t, "application", string(ended.Outcome.Class))
}

// An outcome stands before logs and record are kept: whoever waited can read them.
func TestWaitUntilTheLogsAreKept(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	reporting := strings.Replace(failed, `"phase":"done"`, `"phase":"reporting"`, 1)
	f.looks = []string{running, reporting, running, reporting, failed} // a worker that is gone tells of no outcome
	got := stoker(t, f.env(), "submit", "--wait", "local:/a.py")
	require.Equal(t, 1, got.code)
	require.Equal(t, 1, strings.Count(got.stderr, "job api-1 failed (application)"), got.stderr)
	var asked []string
	for _, request := range f.seen()[1:] {
		if strings.Contains(request, "/logs") {
			break
		}
		asked = append(asked, request)
	}
	require.Equal(t, slices.Repeat([]string{"GET /v1/jobs/api-1"}, 5), asked)
}

// Whoever waits after the end is told once why.
func TestWaitSaysThatTheLogsAreSaved(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	cmd := &cobra.Command{}
	cmd.SetErr(&said)
	w := &waiting{cmd: cmd, stands: time.Now()}
	w.job.Phase, w.job.Outcome = job.PhaseReporting, &jobs.Outcome{}
	w.show()
	require.Empty(t, said.String(), "most are saved soon")
	w.stands = time.Now().Add(-settleQuietly)
	w.why = errors.New("away")
	for range 2 {
		w.show()
	}
	require.Regexp(t, `^\d\d:\d\d:\d\d  the job has ended; its logs are being saved\n$`, said.String())
	require.Contains(t, w.line(), savingWords)
}

// A server that is away for a while ends nobody's waiting.
func TestWaitOutlivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.looks = []string{succeeded}
	looks := 0
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		if looks++; looks <= 2 { // a connection that was used before is made anew unasked
			panic(http.ErrAbortHandler)
		}
		return false
	}
	got := stoker(t, f.env(), "submit", "--wait", "local:/a.py")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stderr, "the server does not answer: look at job api-1: the connection to "+f.url+" broke off")
	require.Contains(t, got.stderr, "job api-1 succeeded")
}

func TestWaitEndsWhereTheJobIsNotKnown(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, f.env(), "submit", "--wait", "local:/a.py")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, `there is no job "x"`)
}

func TestCtrlCEndsTheWaitingOnly(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.looks = []string{running}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "submit", "--wait", "local:/a.py")
	cmd.Env = append(f.env(), asStoker+"=1", "HOME="+t.TempDir(), "GOCOVERDIR="+t.TempDir())
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	crossFence()
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	said := ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if strings.HasSuffix(lines.Text(), "running") {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, said, "job api-1 goes on; follow it with stoker status api-1 or stoker logs -f api-1, end it with stoker cancel api-1\n")
	require.NotContains(t, strings.Join(f.seen(), "\n"), "/cancel")
}

func TestLiveLine(t *testing.T) {
	t.Parallel()
	for want, more := range map[string]string{
		"running         2s  [##########..........]  tasks 50/100, stages 1/3, 2 tasks failed": running + `,"progress":{"time":"2026-01-31T12:00:00Z","jobs":{"total":1},"stages":{"total":3,"completed":1},"tasks":{"total":100,"completed":50,"failed":2}}`,
		"waiting         2s  waits: the cluster":                                               `"phase":"waiting","outcome":null,"waitingFor":"the cluster","clusterSays":"x"`,
		"waiting         2s  ACCEPTED [31m":                                                    `"phase":"waiting","outcome":null,"clusterSays":"ACCEPTED\n\u001b[31m"`,
		"running         2s  cancelled by ana wrong input":                                     `"phase":"running","outcome":null,"cancelling":"ana wrong input"`,
	} {
		var j client.Job
		require.NoError(t, json.Unmarshal([]byte(aJob("api-1", more)), &j))
		j.Times.EndedAt = j.Times.SubmittedAt.Add(2 * time.Second)
		w := waiting{job: j}
		require.Equal(t, want, w.line())
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	require.Equal(t, "äöü", fit("äöü", 3))
	require.Equal(t, "äö…", fit("äöüß", 3))
	require.Equal(t, "[....]", bar(0, 0, 4))
	require.Equal(t, "[####]", bar(9, 3, 4), "more than all is all")
	for want, d := range map[string]time.Duration{
		"0s": -time.Second, "1.5s": 1500 * time.Millisecond, "12s": 12 * time.Second, "1m05s": 65 * time.Second, "2h03m": 2*time.Hour + 3*time.Minute, "3d01h": 73 * time.Hour,
	} {
		require.Equal(t, want, took(d))
	}
}
