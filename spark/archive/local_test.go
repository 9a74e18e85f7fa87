package archive_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/archive"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/local/localtest"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/logstore"
)

// TestMain makes the test binary the supervisor, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(local.Supervise(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// localProgram writes bytes of every value, a line of 5 MB, and waits to be allowed
// to end.
const localProgram = `
import os, sys, time
out = sys.stdout.buffer
out.write(bytes(range(256)) * 100)
out.write(b"x" * 5000000 + b"\n")
out.flush()
n = 0
while not os.path.exists(sys.argv[1] + "/end"):
    n += 1
    print("line", n, file=sys.stderr, flush=True)
    time.sleep(0.01)
out.write(b"last words")
out.flush()
if os.path.exists(sys.argv[1] + "/fail"):
    sys.exit(3)
`

// Real processes under a real supervisor: what they wrote is in the log store before
// and after their directory is cleaned, however they ended.
func TestFollowAndFinishOnThisHost(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"succeed", "fail", "kill"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			require.NoError(t, err)
			o := localtest.Options(t, self, "supervise")
			o.KillGrace = time.Second
			m, err := local.New(o)
			require.NoError(t, err)
			attempt, scratch := job.AttemptOf("archived", 1), t.TempDir()
			reserved, err := m.Reserve(t.Context(), attempt, time.Now().Add(time.Hour))
			require.NoError(t, err)
			localtest.Stage(t, o.Root, reserved, spark.Launch{Name: "test", Main: "main.py", Args: []string{scratch}}, localProgram)
			t.Cleanup(func() { require.NoError(t, m.Kill(context.Background(), attempt, "test over")) })

			store := logstore.New(file.New(file.Options{DirMode: 0o700}), o.Root+"-logs")
			kept, err := store.Attempt(attempt)
			require.NoError(t, err)
			read := func(name string) string {
				s, err := kept.Stream(name)
				require.NoError(t, err)
				data, _, err := s.Read(t.Context(), 0, 1<<30)
				require.NoError(t, err)
				return string(data)
			}
			follow(t, archive.FollowerOptions{Cluster: "laptop", Manager: m, Store: store, Interval: 50 * time.Millisecond})
			live := func() []spark.Sighting {
				all, err := m.Live(t.Context())
				require.NoError(t, err)
				return all
			}
			require.Empty(t, live())
			require.NoError(t, m.Submit(t.Context(), attempt))
			for _, line := range []string{"line 1\n", "line 100\n"} {
				require.Eventually(t, func() bool { return strings.Contains(read("stderr"), line) }, time.Minute, 10*time.Millisecond)
			}
			require.Equal(t, []spark.Sighting{{
				Attempt: attempt, Application: reserved.Application, Observation: job.Observation{State: job.StateRunning},
			}}, live())
			if how == "fail" {
				require.NoError(t, os.WriteFile(filepath.Join(scratch, "fail"), nil, 0o600))
			}
			if how == "kill" {
				require.NoError(t, m.Kill(t.Context(), attempt, "the test wants it"))
			}
			require.NoError(t, os.WriteFile(filepath.Join(scratch, "end"), nil, 0o600))
			require.Eventually(t, func() bool {
				seen, err := m.Observe(t.Context(), attempt)
				require.NoError(t, err)
				return seen.State.Terminal()
			}, time.Minute, 10*time.Millisecond)

			require.Empty(t, live())

			dir := filepath.Join(spark.JobDir(o.Root, attempt), spark.DirLogs)
			stdout, err := os.ReadFile(filepath.Join(dir, "stdout"))
			require.NoError(t, err)
			stderr, err := os.ReadFile(filepath.Join(dir, "stderr"))
			require.NoError(t, err)
			manifest, err := archive.Finish(t.Context(), archive.Final{Manager: m, Store: store, Attempt: attempt, Application: reserved.Application, Patience: time.Minute})
			require.NoError(t, err)
			require.True(t, manifest.Complete, "%v", manifest.Notes)
			require.NoError(t, m.Release(t.Context(), attempt))
			require.NoFileExists(t, filepath.Join(dir, "stdout"))
			require.True(t, bytes.Equal(stdout, []byte(read("stdout"))))
			require.True(t, bytes.Equal(stderr, []byte(read("stderr"))))
			require.GreaterOrEqual(t, len(stdout), 5025601)
			require.Equal(t, how != "kill", strings.HasSuffix(string(stdout), "last words"))
		})
	}
}

// follow runs a Follower until the test ends.
func follow(t *testing.T, o archive.FollowerOptions) {
	t.Helper()
	f, err := archive.NewFollower(o)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		f.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}
