//go:build hadoop

package logs_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

// yarn is a real cluster.
type yarn struct {
	*testing.T
	*rm.Client
	cluster *hadooptest.Cluster
	// dir is where the test and its applications' masters meet.
	dir string
}

func onCluster(t *testing.T) *yarn {
	t.Helper()
	c := hadooptest.Find(t)
	client, err := rm.New(rm.Options{Addresses: []string{c.Addresses.ResourceManagerWeb}, User: c.User, Timeout: time.Minute})
	require.NoError(t, err)
	return &yarn{T: t, Client: client, cluster: c, dir: t.TempDir()}
}

// reader of the cluster's logs, with changes to its options.
func (y *yarn) reader(change func(o *logs.Options)) *logs.Reader {
	y.Helper()
	st, err := webhdfs.New(webhdfs.Options{
		Addresses: []string{y.cluster.Addresses.NameNodeWeb},
		HTTP:      hadoop.NewHTTP(hadoop.HTTPOptions{User: y.cluster.User}),
	})
	require.NoError(y, err)
	o := logs.Options{
		ResourceManager: y.Client, HistoryAddress: y.cluster.Addresses.HistoryWeb,
		User: y.cluster.User, Timeout: time.Minute,
	}
	for _, f := range y.cluster.Configuration(y.T).AggregatedLogs() {
		o.Folders = append(o.Folders, logs.Folder{Store: st, Dir: f.Dir, Suffix: f.Suffix})
	}
	if change != nil {
		change(&o)
	}
	r, err := logs.New(o)
	require.NoError(y, err)
	return r
}

// dead is an address at which nothing answers.
const dead = "http://127.0.0.1:1"

// readers are one for each way to the logs of an application that ended.
func (y *yarn) readers() map[string]*logs.Reader {
	return map[string]*logs.Reader{
		"whatever is there":             y.reader(nil),
		"history server":                y.reader(func(o *logs.Options) { o.Folders = nil }),
		"file system":                   y.reader(func(o *logs.Options) { o.HistoryAddress = "" }),
		"file system, no server":        y.reader(func(o *logs.Options) { o.HistoryAddress = dead }),
		"forgotten, all":                y.reader(func(o *logs.Options) { o.ResourceManager = forgetful{} }),
		"forgotten, history server":     y.reader(func(o *logs.Options) { o.ResourceManager, o.Folders = forgetful{}, nil }),
		"forgotten, file system":        y.reader(func(o *logs.Options) { o.ResourceManager, o.HistoryAddress = forgetful{}, "" }),
		"file system, the older layout": y.reader(func(o *logs.Options) { o.HistoryAddress, o.OldLayout = "", true }),
	}
}

// forgetful is a ResourceManager that has dropped every application.
type forgetful struct{}

func (forgetful) Application(_ context.Context, id string) (rm.Application, error) {
	return rm.Application{}, job.Errorf(job.CodeNotFound, "%s is not known", id)
}

func (forgetful) Attempts(_ context.Context, id string) ([]rm.Attempt, error) {
	return nil, job.Errorf(job.CodeNotFound, "%s is not known", id)
}

// submit starts a master: bash with a script, whose $DIR is y.dir and in which
// "await NAME" waits for a file there.
func (y *yarn) submit(script string, change func(s *rm.SubmissionContext)) string {
	y.Helper()
	reserved, err := y.NewApplication(y.Context())
	require.NoError(y, err)
	file := filepath.Join(y.dir, reserved.ID+".sh")
	head := "DIR=" + y.dir + "\nawait() { until [ -e $DIR/$1 ]; do sleep 0.05; done; }\n"
	require.NoError(y, os.WriteFile(file, []byte(head+script), 0o644))
	s := rm.SubmissionContext{
		ID: reserved.ID, Name: y.Name(), Queue: "default", MaxAttempts: 1, Type: "TEST",
		Resource: rm.Resource{MemoryMB: 128, VCores: 1},
		Container: rm.Container{Commands: []string{
			"bash", file, "1><LOG_DIR>/stdout", "2><LOG_DIR>/stderr",
		}},
	}
	if change != nil {
		change(&s)
	}
	require.NoError(y, y.Submit(y.Context(), s))
	y.Cleanup(func() { _, _ = y.Kill(context.Background(), s.ID, "the test is over") })
	return s.ID
}

// allow lets a master pass an await.
func (y *yarn) allow(name string) {
	require.NoError(y, os.WriteFile(filepath.Join(y.dir, name), nil, 0o644))
}

// state waits for an application's state.
func (y *yarn) state(id string, is func(rm.Application) bool) rm.Application {
	y.Helper()
	for until := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		app, err := y.Application(y.Context(), id)
		if err == nil && is(app) {
			return app
		}
		require.True(y, time.Now().Before(until), "%s: %v %v", id, app, err)
	}
}

// aggregated waits until an application has ended and its logs are aggregated.
func (y *yarn) aggregated(id string) rm.Application {
	y.Helper()
	return y.state(id, func(a rm.Application) bool { return a.State.Ended() && a.LogAggregation == "SUCCEEDED" })
}

// whole reads a log once it has a size, as far as it is there.
func (y *yarn) whole(r *logs.Reader, id, stream string, size int64) []byte {
	y.Helper()
	for until := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		data, now, err := r.Read(y.Context(), id, stream, 0, 1<<30)
		if err == nil && now >= size {
			require.Len(y, data, int(now))
			return data
		}
		if err != nil {
			require.Equal(y, job.CodeUnavailable, job.CodeOf(err), err)
		}
		require.True(y, time.Now().Before(until), "%d bytes of %d: %v", now, size, err)
	}
}

func (y *yarn) read(r *logs.Reader, id, stream string, offset int64, limit int) (string, int64) {
	y.Helper()
	data, size, err := r.Read(y.Context(), id, stream, offset, limit)
	require.NoError(y, err)
	return string(data), size
}
