//go:build hadoop

package yarnfaults

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// refused is how a job ends that fails before its code begins.
var refused = bench.End{Status: modelmanage.StatusError, Starts: 0}

// ends waits for a job's end, checks everything about it, and that both the
// document and the current details say some words.
func ends(j *bench.Job, want bench.End, words ...string) {
	j.Bench.Helper()
	j.Ends(want)
	messages, details := j.Messages(), ""
	j.Bench.Eventually("the current details can be read", func() bool {
		details = j.CurrentDetails()
		return details != ""
	})
	for _, text := range words {
		require.Contains(j.Bench, messages, text, "the document's messages")
		require.Contains(j.Bench, details, text, "the current details")
	}
	outcomes := map[modelmanage.Status][]string{
		modelmanage.StatusComplete: {"**succeeded**"}, modelmanage.StatusCancelled: {"**cancelled"},
		modelmanage.StatusError: {"**failed/", "**lost"},
	}
	said := false
	for _, text := range outcomes[want.Status] {
		said = said || strings.Contains(details, "outcome "+text)
	}
	require.True(j.Bench, said, "the current details tell the outcome: %s", details)
}

// details waits until the current details say some words.
func details(j *bench.Job, words string) {
	j.Bench.Helper()
	j.Bench.Eventually("the current details say "+words, func() bool { return strings.Contains(j.CurrentDetails(), words) })
}

// dir of an attempt on HDFS.
func (i *installation) dir(j *bench.Job, attempt int) string {
	return spark.JobDir(i.Config.Clusters["yarn"].Root, j.Key.Attempt(attempt))
}

// attempts counts the job directories of a job.
func (i *installation) attempts(j *bench.Job) int {
	i.Helper()
	list, err := i.files.List(i.Context(), path.Dir(i.dir(j, 1)))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	require.NoError(i, err)
	return len(list)
}

// application is the id that an attempt has reserved or, where spark-submit chose
// it, that was found.
func (i *installation) application(j *bench.Job, attempt int) string {
	i.Helper()
	var r spark.Reservation
	i.record(path.Join(i.dir(j, attempt), spark.FileReservation), &r)
	if !strings.HasPrefix(r.Application, "application_") && i.has(j, attempt, spark.FileAcknowledged) {
		i.record(path.Join(i.dir(j, attempt), spark.FileAcknowledged), &r)
	}
	return r.Application
}

// record reads a JSON file on HDFS.
func (i *installation) record(name string, into any) {
	i.Helper()
	f, err := i.files.Open(i.Context(), name)
	require.NoError(i, err)
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(f)
	require.NoError(i, err)
	require.NoError(i, json.Unmarshal(data, into))
}

// has reports whether an attempt's directory holds a file.
func (i *installation) has(j *bench.Job, attempt int, name string) bool {
	i.Helper()
	_, err := i.files.Stat(i.Context(), path.Join(i.dir(j, attempt), name))
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(i, err)
	}
	return err == nil
}

// checkLeftovers: one application per attempt, ended; job directories with
// nothing but markers; no process.
func (i *installation) checkLeftovers(j *bench.Job) {
	i.Helper()
	attempts := i.attempts(j)
	ids := map[string]bool{}
	for n := 1; n <= attempts; n++ {
		id := i.application(j, n)
		ids[id] = true
		require.Empty(i, i.noMarkers(i.dir(j, n)), "what is left of attempt %d", n)
		apps := i.applications("stoker-job-" + j.Key.Name() + "." + strconv.Itoa(n))
		require.LessOrEqual(i, len(apps), 1, "applications of attempt %d", n)
		for _, app := range apps {
			require.Equal(i, id, app.ID, "the application of attempt %d is the reserved one", n)
			require.True(i, app.State.Ended(), "%s is %s", app.ID, app.State)
		}
		i.Eventually("no process of "+id+" is left", func() bool { return len(processes(i.T, id)) == 0 })
	}
	for _, id := range i.gate.submissions() {
		require.True(i, ids[id] || len(i.Jobs) > 1, "%s was sent, which no attempt has reserved", id)
	}
	entries, err := i.files.List(i.Context(), "/user/"+user+"/.sparkStaging")
	require.True(i, errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0, "nothing lies in Spark's own staging directory: %v", err)
}

// noMarkers lists what CLEAN should have taken from a job directory. CLEAN comes
// after the report but before the workflow closes.
func (i *installation) noMarkers(dir string) []string {
	i.Helper()
	entries, err := i.files.List(i.Context(), dir)
	require.NoError(i, err)
	var list []string
	for _, entry := range entries {
		if entry.Dir || !spark.IsMarker(path.Base(entry.Path)) {
			list = append(list, entry.Path)
		}
	}
	return list
}

// tag of all applications of this installation.
func (i *installation) tag() string { return yarn.ClusterTag(i.name, "yarn") }

// applications that the ResourceManager knows by a tag.
func (i *installation) applications(tag string) []rm.Application {
	i.Helper()
	apps, err := resourceManager(i.T).List(i.Context(), rm.Filter{Tags: []string{tag, i.tag()}})
	require.NoError(i, err)
	var own []rm.Application
	for _, app := range apps {
		tags := " " + strings.Join(app.Tags, " ") + " "
		if strings.Contains(tags, " "+tag+" ") && strings.Contains(tags, " "+i.tag()+" ") {
			own = append(own, app)
		}
	}
	return own
}

// processes of an application's containers, found by the container's id in their
// environment.
func processes(t *testing.T, id string) []bench.Found {
	t.Helper()
	list, err := bench.Find("_" + strings.TrimPrefix(id, "application_") + "_0")
	require.NoError(t, err)
	return list
}

// endAll ends what a failed test has left running.
func (i *installation) endAll(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c := resourceManager(t)
	apps, err := c.List(ctx, rm.Filter{
		Tags: []string{i.tag()}, States: []rm.State{rm.StateNew, rm.StateNewSaving, rm.StateSubmitted, rm.StateAccepted, rm.StateRunning},
	})
	if err != nil {
		t.Logf("what is left of %s cannot be found: %v", i.name, err)
	}
	for _, app := range apps {
		if _, err := c.Kill(ctx, app.ID, "the test has ended"); err != nil && job.CodeOf(err) != job.CodeNotFound {
			t.Logf("%s cannot be killed: %v", app.ID, err)
		}
		for _, p := range processes(t, app.ID) {
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may just have ended
		}
	}
}
