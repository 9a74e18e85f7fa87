package logs_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/logs"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
)

// places are the ways to a log of an ended application, alone.
var places = map[string]func(b *bundle){
	"the NodeManager, before it is aggregated": func(b *bundle) { b.end("NOT_START") },
	"the NodeManager, aggregation is off":      func(b *bundle) { b.end("DISABLED") },
	"the NodeManager, while it is aggregated": func(b *bundle) {
		b.end("RUNNING")
		b.history.parts = b.node.parts
	},
	"the history server, before the ResourceManager knows": func(b *bundle) {
		b.end("RUNNING")
		b.history.parts = []files{b.drop()}
	},
	"the history server": func(b *bundle) {
		b.end("SUCCEEDED")
		b.history.parts = []files{b.drop()}
		b.node.Close()
	},
	"the history server of 3.5": func(b *bundle) {
		b.end("SUCCEEDED")
		b.history.parts, b.history.newer = []files{b.drop()}, true
	},
	"the history server, in parts": func(b *bundle) {
		b.end("SUCCEEDED")
		stdout := b.drop()[master1]["stdout"]
		for _, piece := range []string{stdout[:10], "", stdout[10:5000], stdout[5000:]} {
			b.history.parts = append(b.history.parts, files{master1: {"stdout": piece}})
		}
	},
	"the file system": func(b *bundle) {
		b.end("SUCCEEDED")
		b.store(bucketed, tfile(master1, b.drop()[master1]))
		b.store(bucketed+".tmp", []byte("a new one"))
		b.store(strings.Replace(bucketed, "node1", "node2", 1), []byte("another node's"))
	},
	"the file system, the history server is down": func(b *bundle) {
		b.end("RUNNING")
		b.store(bucketed, tfile(master1, b.drop()[master1]))
		b.history.Close()
	},
	"the file system, in parts": func(b *bundle) {
		b.end("SUCCEEDED")
		stdout := b.drop()[master1]["stdout"]
		b.store(bucketed+"_1795248734841", tfile(master1, map[string]string{"stdout": stdout[:10]}))
		b.store(bucketed+"_1795248734842", tfile(master2, map[string]string{"stdout": "another's"}))
		b.store(bucketed+"_1795248734843", tfile(master1, map[string]string{"stdout": ""}))
		b.store(bucketed+"_1795248734844", tfile(master1, map[string]string{"stderr": "", "stdout": stdout[10:5000]}))
		b.store(bucketed+"_1795248734845", tfile(master1, map[string]string{"stdout": stdout[5000:]}))
	},
	"the file system, 3.0 to 3.2": func(b *bundle) {
		b.end("SUCCEEDED")
		b.store("alice/logs-tfile/"+app1+"/node1_8041", tfile(master1, b.drop()[master1]))
	},
	"the file system, 2.x": func(b *bundle) {
		b.end("SUCCEEDED")
		b.store("alice/logs/"+app1+"/node1_8041", tfile(master1, b.drop()[master1]))
	},
	"the file system, 3.0 to 3.2, another folder": func(b *bundle) {
		b.end("SUCCEEDED")
		b.store("alice/mine-tfile/"+app1+"/node1_8041", tfile(master1, b.drop()[master1]))
	},
	"the file system, another folder than the client's configuration names": func(b *bundle) {
		b.end("SUCCEEDED")
		b.store("alice/bucket-mine-tfile/0012/"+app1+"/node1_8041", tfile(master1, b.drop()[master1]))
		b.store("alice/bucket-empty/file", nil)
		b.store("alice/bucket-file", nil)
	},
	"the file system, the folder of the second format": func(b *bundle) {
		b.end("SUCCEEDED")
		b.store("second/alice/bucket-logs-mine/0012/"+app1+"/node1_8041", tfile(master1, b.drop()[master1]))
	},
	"the history server, the ResourceManager has forgotten": func(b *bundle) {
		b.history.parts = []files{b.drop()}
		b.forget()
	},
	"the file system, the ResourceManager has forgotten": func(b *bundle) {
		b.store(bucketed, tfile(master1, b.drop()[master1]))
		b.forget()
	},
}

// forget makes the ResourceManager know no application any more.
func (b *bundle) forget() {
	unknown := job.Errorf(job.CodeNotFound, "there is no such application")
	b.manager.attempts = func() ([]rm.Attempt, error) { return nil, unknown }
	b.manager.application = func() (rm.Application, error) { return rm.Application{}, unknown }
}

func older(b *bundle, o *logs.Options) {
	o.OldLayout = true
	o.Folders = append(o.Folders, logs.Folder{Store: o.Folders[0].Store, Dir: b.dir + "/second", Suffix: "logs-mine"})
}

func TestReadAfterwards(t *testing.T) {
	t.Parallel()
	const size = 12_345
	text := numbered(0, size)
	for name, prepare := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, text, older)
			prepare(b)
			for _, offset := range []int64{0, 5, 10, 4999, 5000, 12_000, size - 1, size, size + 5, -1, -8000, -size, -size - 1} {
				for _, limit := range []int{0, 1, 6000, 1 << 30} {
					from := min(offset, size)
					if offset < 0 {
						from = max(0, size+offset)
					}
					b.expect(text[from:min(from+int64(limit), size)], size, offset, limit)
				}
			}
			for _, from := range []int64{0, 9, 5001, size, size + 1} {
				var out bytes.Buffer
				n, err := b.Copy(t.Context(), app1, "stdout", &out, from)
				require.NoError(t, err)
				require.Equal(t, text[min(from, size):], out.String())
				require.EqualValues(t, out.Len(), n)
			}
			for _, call := range append(b.node.seen(), b.history.seen()...) {
				require.NotContains(t, call, "followed")
				require.Contains(t, call, "user.name=alice")
			}
		})
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(b *bundle)
		stream  string
		want    logs.Reason
	}{
		"no attempt": {func(b *bundle) {
			b.end("NOT_START")
			b.manager.attempts = func() ([]rm.Attempt, error) { return nil, nil }
		}, "stdout", logs.NeverStarted},
		"no container":      {func(b *bundle) { b.end("NOT_START"); b.attempt.ContainerID = "" }, "stdout", logs.NeverStarted},
		"no files":          {func(b *bundle) { b.end("RUNNING"); b.node.parts[0][master1] = nil }, "stdout", logs.NeverStarted},
		"another stream":    {func(b *bundle) { b.end("RUNNING") }, "stdoutt", logs.NoSuchStream},
		"another, kept":     {func(b *bundle) { b.end("SUCCEEDED"); b.history.parts = []files{b.drop()} }, "stdoutt", logs.NoSuchStream},
		"another, in store": {func(b *bundle) { b.end("SUCCEEDED"); b.store(bucketed, tfile(master1, b.drop()[master1])) }, "stdoutt", logs.NoSuchStream},
		"another, in store, the history server is down": {func(b *bundle) {
			b.history.Close()
			b.end("SUCCEEDED")
			b.store(bucketed, tfile(master1, b.drop()[master1]))
		}, "stdoutt", logs.NoSuchStream},
		"nothing kept":      {func(b *bundle) { b.end("SUCCEEDED"); b.drop() }, "stdout", logs.NotKept},
		"aggregation off":   {func(b *bundle) { b.end("DISABLED"); b.drop() }, "stdout", logs.Dropped},
		"aggregation fails": {func(b *bundle) { b.end("FAILED"); b.drop() }, "stdout", logs.Dropped},
		"never aggregated": {func(b *bundle) {
			b.end("TIME_OUT")
			b.drop()
			b.app.FinishedAt = time.Now().Add(-time.Hour)
		}, "stdout", logs.Dropped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, "text", nil)
			c.prepare(b)
			err := b.fails(c.stream)
			require.Equal(t, job.CodeNotFound, job.CodeOf(err), err)
			var none *logs.NoLogError
			require.ErrorAs(t, err, &none)
			require.Equal(t, c.want, none.Reason)
			require.Equal(t, b.app.Diagnostics, none.Diagnostics, "whole, as YARN sent it")
			require.Equal(t, app1, none.Application)
			require.Equal(t, c.stream, none.Stream)
			require.ErrorContains(t, err, "YARN's diagnostics: Application failed at some.Java")
			if c.want == logs.NoSuchStream {
				require.ElementsMatch(t, []string{"stderr", "stdout"}, none.Streams)
			}
			_, err = b.Copy(t.Context(), app1, c.stream, io.Discard, 0)
			require.ErrorAs(t, err, &none)
		})
	}
}

func TestNothingToLookInto(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", func(_ *bundle, o *logs.Options) { o.HistoryAddress, o.Folders = "", nil })
	b.end("SUCCEEDED")
	b.expect("text", 4, 0, 10)
	b.drop()
	err := b.fails("stdout")
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.ErrorContains(t, err, "set the history server's address")
}

// Between a look at the ResourceManager and one at the NodeManager everything may
// change.
func TestTheEndComesBetween(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	b.node.before = func(string) {
		b.node.before = nil
		b.history.parts = []files{b.node.parts[0]}
		b.node.parts = []files{{}}
		b.app.State, b.app.LogAggregation, b.app.FinishedAt = rm.StateFinished, "RUNNING", time.Now()
	}
	b.expect("text", 4, 0, 10)
}

// A file that is deleted while a NodeManager opens it has no length any more.
func TestEmptyLogThatIsNot(t *testing.T) {
	t.Parallel()
	empty := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/containerlogs/") {
			return false
		}
		_, _ = io.WriteString(w, "End of LogType:stdout.\n*****\n\n")
		return true
	}
	for _, running := range []bool{true, false} {
		b := newBundle(t, "text", nil)
		if !running {
			b.end("RUNNING")
		}
		b.node.instead = empty
		b.history.parts = []files{b.drop()}
		b.expect("text", 4, 0, 10)
	}
	b := newBundle(t, "text", nil)
	b.end("RUNNING")
	b.node.instead = empty
	require.Equal(t, job.CodeUnavailable, job.CodeOf(b.fails("stdout")), "its list says otherwise")
	b.node.parts[0][master1]["stdout"] = ""
	b.expect("", 0, 0, 10)
}

func TestHistoryServersThatLie(t *testing.T) {
	t.Parallel()
	say := func(status int, text string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	frame := "Container: x on y\nLogAggregationType: AGGREGATED\nLogType:stdout\nLogLength:4\nLogContents:\ntext\nEnd of LogType:stdout\n"
	for name, c := range map[string]struct {
		list, log func(w http.ResponseWriter)
		want      string
	}{
		"not a history server": {say(404, "<html>"), nil, "is it a history server?"},
		"no list":              {say(200, "<html>"), nil, "something other than a list"},
		"a long list":          {say(200, `{"containerLogsInfo":[`+strings.Repeat(" ", 2000)+`]}`), nil, "larger than 1000 bytes"},
		"its HDFS is down": {
			say(503, `{"RemoteException":{"exception":"x","message":"java.net.ConnectException: Call From a to b:9000 failed"}}`), nil,
			"answered 503: Call From a to b:9000 failed",
		},
		"a page for a log":  {nil, say(500, "<html><title>Error 500 Request failed.</title>"), "answered 500 without saying why"},
		"another size":      {nil, say(200, strings.Replace(frame, "Length:4", "Length:5", 1)), "of another size"},
		"no log":            {nil, say(200, "Can not find logs for container:x"), "not as long as it says"},
		"half a log":        {nil, say(200, frame[:96]), "history server "},
		"a local log":       {nil, say(200, strings.Replace(frame, "AGGREGATED", "LOCAL", 1)), "of another size"},
		"more than it says": {nil, say(200, strings.Replace(frame, "text", "texttext", 1)), "not as long as it says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, "text", func(_ *bundle, o *logs.Options) { o.MaxReply = 1000 })
			b.end("SUCCEEDED")
			b.history.parts = []files{b.drop()}
			b.history.instead = func(w http.ResponseWriter, r *http.Request) bool {
				answer := c.list
				if strings.Contains(r.URL.Path, "/containerlogs/") {
					answer = c.log
				}
				if answer != nil {
					answer(w)
				}
				return answer != nil
			}
			err := b.fails("stdout")
			require.Equal(t, job.CodeUnavailable, job.CodeOf(err), err)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// Copy goes on where a server broke off, at another one if need be.
func TestCopyGoesOn(t *testing.T) {
	t.Parallel()
	text := numbered(0, 300_000)
	b := newBundle(t, text, nil)
	b.end("SUCCEEDED")
	b.store(bucketed, tfile(master1, b.node.parts[0][master1]))
	b.history.parts = []files{b.drop()}
	broken := 0
	b.history.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/containerlogs/") {
			return false
		}
		if broken++; broken == 2 {
			b.history.change(func() { b.history.parts = nil })
		}
		w.Header().Set("Content-Length", "1000000")
		_, _ = io.WriteString(w, "Container: x on y\nLogType:stdout\nLogAggregationType: AGGREGATED\nLogLength:300000\nLogContents:\n")
		var size int
		for _, digit := range strings.TrimPrefix(r.URL.Query().Get("size"), "-") {
			size = size*10 + int(digit-'0')
		}
		_, _ = io.WriteString(w, text[len(text)-size:len(text)-size+100_000])
		return true
	}
	var out bytes.Buffer
	n, err := b.Copy(t.Context(), app1, "stdout", &out, 0)
	require.NoError(t, err)
	require.EqualValues(t, len(text), n)
	require.Equal(t, text, out.String())
	require.Equal(t, 2, broken, "then the file system")
}

// denied is a store that nobody may read.
type denied struct{ store.Store }

func (denied) List(context.Context, string) ([]store.Info, error) {
	return nil, &fs.PathError{Op: "list", Path: "/x", Err: fs.ErrPermission}
}

func TestStoresThatFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(b *bundle)
		code    job.Code
		want    string
	}{
		"another format": {func(b *bundle) { b.store(bucketed, []byte("an indexed file, which has a UUID at its beginning")) }, job.CodeUnavailable, "no TFile"},
		"an archive":     {func(b *bundle) { b.store("alice/bucket-logs-tfile/0012/"+app1+"/"+app1+".har/_index", nil) }, job.CodeUnavailable, "in a Hadoop archive"},
		"damaged":        {func(b *bundle) { b.store(bucketed, append(tfile(master2, nil)[:60], 0xff, 0xff)) }, job.CodeUnavailable, "not complete"},
	} {
		b := newBundle(t, "text", nil)
		b.end("SUCCEEDED")
		b.drop()
		c.prepare(b)
		err := b.fails("stdout")
		require.Equal(t, c.code, job.CodeOf(err), name)
		require.ErrorContains(t, err, c.want, name)
	}
	b := newBundle(t, "text", func(_ *bundle, o *logs.Options) { o.Folders[0].Store = denied{o.Folders[0].Store} })
	b.end("SUCCEEDED")
	b.drop()
	require.Equal(t, job.CodeUnauthorized, job.CodeOf(b.fails("stdout")))
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "first", nil)
	second := *b.attempt
	second.Number, second.ContainerID = 2, master2
	b.attempt.State = "FAILED"
	b.manager.attempts = func() ([]rm.Attempt, error) { return []rm.Attempt{*b.attempt, second}, nil }
	b.node.parts[0][master2] = map[string]string{"stdout": "second"}
	read := func(attempt int64) string {
		t.Helper()
		data, _, err := b.Attempt(attempt).Read(t.Context(), app1, "stdout", 0, 100)
		require.NoError(t, err)
		return string(data)
	}
	require.Equal(t, []string{"second", "first", "second"}, []string{read(0), read(1), read(2)})
	_, _, err := b.Attempt(3).Read(t.Context(), app1, "stdout", 0, 100)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "it may come: %v", err)

	// The second is waiting for its container.
	second.ContainerID, second.State = "", "SCHEDULED"
	require.Equal(t, job.CodeUnavailable, job.CodeOf(b.fails("stdout")))
	require.Equal(t, "first", read(1))
	b.app.State, b.app.LogAggregation, b.app.FinishedAt = rm.StateKilled, "RUNNING", time.Now()
	second.State = "KILLED"
	require.Equal(t, "first", read(0), "the second never had a container")
	var none *logs.NoLogError
	for _, attempt := range []int64{2, 3} {
		_, _, err = b.Attempt(attempt).Read(t.Context(), app1, "stdout", 0, 100)
		require.ErrorAs(t, err, &none)
		require.Equal(t, logs.NeverStarted, none.Reason)
	}

	second.ContainerID = master2
	b.history.parts = []files{b.drop()}
	b.forget()
	require.Equal(t, []string{"second", "first", "second"}, []string{read(0), read(1), read(2)})
	_, _, err = b.Attempt(3).Read(t.Context(), app1, "stdout", 0, 100)
	require.Equal(t, job.CodeNotFound, job.CodeOf(err))
}

// Only the first container of an attempt is its master.
func TestForgottenMasterIsNoExecutor(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "text", nil)
	b.forget()
	b.history.parts = []files{{strings.Replace(master1, "_000001", "_000002", 1): {"stdout": "an executor's"}}}
	require.Equal(t, job.CodeNotFound, job.CodeOf(b.fails("stdout")))
	b.history.Close()
	require.Equal(t, job.CodeUnavailable, job.CodeOf(b.fails("stdout")), "it might know")
}
