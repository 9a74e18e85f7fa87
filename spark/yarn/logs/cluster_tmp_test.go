//go:build hadoop

package logs_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

func hadoopCmd(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command("/work/main/.tools/bin/hadoop", append(args, "--state", os.Getenv("TMPSTATE"))...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func (y *yarn) try(what string, r *logs.Reader, id string) error {
	data, size, err := r.Read(y.Context(), id, "stdout", 0, 1000)
	y.Logf("%-40s %q %d %s %v", what, data, size, job.CodeOf(err), err)
	return err
}

func TestTmp(t *testing.T) {
	y := onCluster(t)
	all, hist, fsys := y.reader(nil), y.reader(func(o *logs.Options) { o.Store, o.RemoteLogDir = nil, "" }), y.reader(func(o *logs.Options) { o.HistoryAddress = dead })
	id := y.submit("echo hello; await end", nil)
	y.whole(all, id, "stdout", 6)
	switch os.Getenv("TMPMODE") {
	case "disabled":
		y.allow("end")
		y.state(id, func(a rm.Application) bool { return a.State.Ended() })
		for range 20 {
			y.try("ended", all, id)
			time.Sleep(500 * time.Millisecond)
		}
		hadoopCmd(t, "stop", "NodeManager")
		y.try("node stopped", all, id)
		hadoopCmd(t, "start", "NodeManager")
		time.Sleep(5 * time.Second)
		app, _ := y.Application(t.Context(), id)
		t.Log(app.State, app.LogAggregation)
		y.try("node restarted", all, id)
	case "restarts":
		hadoopCmd(t, "kill", "ResourceManager")
		y.try("RM down", all, id)
		hadoopCmd(t, "start", "ResourceManager")
		y.try("RM back", all, id)
		hadoopCmd(t, "pause", "NodeManager")
		frozen := y.reader(func(o *logs.Options) { o.Timeout = time.Second })
		y.try("NM frozen", frozen, id)
		hadoopCmd(t, "resume", "NodeManager")
		y.allow("end")
		y.state(id, func(a rm.Application) bool { return a.State.Ended() })
		var none *logs.NoLogError
		for range 40 {
			err := y.try("ended", all, id)
			require.False(t, errors.As(err, &none))
			time.Sleep(250 * time.Millisecond)
		}
		app, _ := y.Application(t.Context(), id)
		t.Log(app.State, app.LogAggregation)
		hadoopCmd(t, "stop", "JobHistoryServer")
		y.try("JHS stopped, all", all, id)
		y.try("JHS stopped, only it", hist, id)
		y.try("JHS stopped, fs", fsys, id)
		hadoopCmd(t, "start", "JobHistoryServer")
		hadoopCmd(t, "kill", "ResourceManager")
		hadoopCmd(t, "start", "ResourceManager")
		app, err := y.Application(t.Context(), id)
		t.Log("after a restart of the RM: ", app.State, app.LogAggregation, app.FinishedAt, err)
		y.try("RM restarted", all, id)
		hadoopCmd(t, "stop", "NodeManager")
		y.try("NM stopped", all, id)
		hadoopCmd(t, "start", "NodeManager")
		id2 := y.submit("echo hello; await end2", nil)
		y.whole(all, id2, "stdout", 6)
		hadoopCmd(t, "kill", "NodeManager")
		y.try("NM killed", all, id2)
		y.allow("end2")
		time.Sleep(3 * time.Second)
		hadoopCmd(t, "start", "NodeManager")
		for range 60 {
			err := y.try("NM back", all, id2)
			app, _ := y.Application(t.Context(), id2)
			t.Log(app.State, app.LogAggregation)
			if job.CodeOf(err) == job.CodeNotFound {
				break
			}
			time.Sleep(time.Second)
		}
	}
}
