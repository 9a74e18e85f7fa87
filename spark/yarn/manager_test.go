package yarn

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

// bundle is a manager over a fake ResourceManager and a directory.
type bundle struct {
	*testing.T
	rm      *fakeRM
	address string
	m       *Manager
	opts    Options
	root    string
	attempt job.Attempt
}

// plain builds submissions that hold nothing but a name and tags.
type plain struct{ store store.Store }

func (p plain) Build(ctx context.Context, r Request) (rm.SubmissionContext, error) {
	name := filepath.Join(stagingDir(r.Dir, r.Application), "__spark_conf__.zip")
	if err := p.store.Create(ctx, name, []byte("zip"), modeFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return rm.SubmissionContext{}, err
	}
	return rm.SubmissionContext{ID: r.Application, Name: r.Launch.Name, Queue: "default", Type: "SPARK", Tags: r.Tags}, nil
}

func (p plain) Intact(ctx context.Context, dir, application string) (bool, error) {
	return (&builder{opts: BuilderOptions{Store: p.store}}).Intact(ctx, dir, application)
}

func setup(t *testing.T, change ...func(*Options)) *bundle {
	t.Helper()
	t.Parallel()
	fake, address := newFakeRM(t)
	b := &bundle{T: t, rm: fake, address: address, root: t.TempDir(), attempt: job.Key{Source: "model-manage", ID: "J-7"}.Attempt(1)}
	client, err := rm.New(rm.Options{Addresses: []string{address}, User: "ann", Timeout: 2 * time.Second})
	require.NoError(t, err)
	st := file.New(file.Options{DirMode: modeDir})
	b.opts = Options{
		Cluster: "big", Installation: "here", Root: b.root, Store: st, ResourceManager: client, User: "ann",
		Builder: plain{st}, Recovery: true, RequestTimeout: 100 * time.Millisecond,
	}
	for _, f := range change {
		f(&b.opts)
	}
	b.m = b.open()
	return b
}

func (b *bundle) open() *Manager {
	b.Helper()
	m, err := New(b.opts)
	require.NoError(b, err)
	return m
}

func (b *bundle) dir() string { return spark.JobDir(b.root, b.attempt) }

func (b *bundle) stage() string {
	b.Helper()
	r, err := b.m.Reserve(b.Context(), b.attempt, time.Now().Add(time.Hour))
	require.NoError(b, err)
	b.put(spark.FileLaunch, `{"name":"a job","pythonDriver":true,"main":"driver.py"}`)
	b.put(spark.FileStaged, "{}")
	return r.Application
}

func (b *bundle) put(name, text string) {
	b.Helper()
	require.NoError(b, os.WriteFile(filepath.Join(b.dir(), name), []byte(text), 0o600))
}

func (b *bundle) submit() error { return b.m.Submit(b.Context(), b.attempt) }

func (b *bundle) observe() job.Observation {
	b.Helper()
	o, err := b.open().Observe(b.Context(), b.attempt) // without an old snapshot
	require.NoError(b, err)
	return o
}

func TestReserveIsOneIDForEver(t *testing.T) {
	b := setup(t)
	var wait sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wait.Go(func() {
			r, err := b.open().Reserve(t.Context(), b.attempt, time.Now().Add(time.Hour))
			if err == nil {
				ids[i] = r.Application
			}
		})
	}
	wait.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	b.opts.Installation = "elsewhere"
	_, err := b.open().Reserve(t.Context(), b.attempt, time.Now())
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
}

func TestSubmitTwiceAndConcurrentlyIsOneApplication(t *testing.T) {
	b := setup(t)
	id := b.stage()
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() { require.NoError(t, b.open().Submit(t.Context(), b.attempt)) })
	}
	wait.Wait()
	require.NoError(t, b.submit())
	require.Equal(t, 1, b.rm.taken(id))
	require.FileExists(t, filepath.Join(b.dir(), spark.FileAcknowledged))
	o := b.observe()
	require.Equal(t, job.StatePending, o.State)
}

func TestSubmitNeverReserves(t *testing.T) {
	b := setup(t)
	require.Equal(t, job.CodeNotFound, job.CodeOf(b.submit()))
	require.Empty(t, b.rm.launches)
}

// What may have been sent is sent again only if it was provably never taken.
func TestSendingAgain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		// happens between the intent and the next Submit.
		happens  func(b *bundle, id string)
		recovery bool
		launches int
		code     job.Code
	}{
		"worker died before it sent": {func(*bundle, string) {}, true, 1, ""},
		"restart, recovers":          {func(b *bundle, _ string) { b.rm.restart(true) }, true, 1, ""},
		"restart without recovery":   {func(b *bundle, _ string) { b.rm.restart(false) }, false, 0, job.CodeConflict},
		"user code began":            {func(b *bundle, id string) { b.put(spark.FileStarted, `{"owner":"`+id+`","attempt":1}`) }, true, 0, job.CodeConflict},
		"ran, ended and was forgotten": {func(b *bundle, id string) {
			require.NoError(b, os.RemoveAll(stagingDir(b.dir(), id)))
		}, true, 0, job.CodeConflict},
		"revoked": {func(b *bundle, _ string) { b.put(spark.FileRevoked, "{}") }, true, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			died := errors.New("died")
			b := setup(t, func(o *Options) {
				o.Recovery = row.recovery
				o.Hold = func(_ context.Context, point string) {
					if point == holdIntent {
						panic(died)
					}
				}
			})
			id := b.stage()
			require.PanicsWithError(t, "died", func() { _ = b.submit() })
			row.happens(b, id)
			b.opts.Hold = nil
			if row.code == job.CodeConflict && name == "ran, ended and was forgotten" {
				// Build would upload again what an application master removed.
				b.opts.Builder = plain{b.opts.Store}
			}
			err := b.open().Submit(t.Context(), b.attempt)
			if name == "revoked" {
				require.ErrorIs(t, err, spark.ErrRevoked)
			} else {
				require.Equal(t, row.code, job.CodeOf(err), "%v", err)
			}
			require.Equal(t, row.launches, b.rm.taken(id))
		})
	}
}

// A program without Stoker's driver does not heed the mark of an earlier start: its
// id is sent again only if the ResourceManager cannot have forgotten it.
func TestSendingProgramAgain(t *testing.T) {
	t.Parallel()
	const keeps = "yarn.resourcemanager.max-completed-applications"
	for name, row := range map[string]struct {
		happens  func(b *bundle)
		launches int
	}{
		"an older one is known":             {func(b *bundle) { b.rm.older = true }, 1},
		"fewer are known than it keeps":     {func(b *bundle) { b.rm.properties, b.rm.completed = map[string]string{keeps: "5"}, 4 }, 1},
		"as many are known as it keeps":     {func(b *bundle) { b.rm.properties, b.rm.completed = map[string]string{keeps: "5"}, 5 }, 0},
		"it does not say how many it keeps": {func(*bundle) {}, 0},
		"fewer, after a restart": {func(b *bundle) {
			b.rm.properties, b.rm.completed = map[string]string{keeps: "5"}, 4
			b.rm.restart(true)
		}, 0},
		"an older one, after a restart": {func(b *bundle) { b.rm.older = true; b.rm.restart(true) }, 1},
		"it says that it recovers nothing": {func(b *bundle) {
			b.rm.older, b.rm.properties = true, map[string]string{"yarn.resourcemanager.recovery.enabled": "false"}
			b.rm.restart(true)
		}, 0},
		"its logs are kept":               {func(b *bundle) { b.rm.older, b.opts.History = true, history{ran: true} }, 0},
		"the history server does not say": {func(b *bundle) { b.rm.older, b.opts.History = true, history{err: errors.New("down")} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(o *Options) {
				o.Hold = func(_ context.Context, point string) {
					if point == holdIntent {
						panic(errors.New("died"))
					}
				}
			})
			id := b.stage()
			b.put(spark.FileLaunch, `{"name":"a job","main":"a.jar","class":"Main"}`)
			require.PanicsWithError(t, "died", func() { _ = b.submit() })
			row.happens(b)
			b.opts.Hold = nil
			err := b.open().Submit(t.Context(), b.attempt)
			if row.launches == 0 {
				require.Equal(t, job.CodeConflict, job.CodeOf(err), "%v", err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, row.launches, b.rm.taken(id))
		})
	}
}

// A Submit that stands still while another one sends the application, which comes and
// goes, does not send it again.
func TestSubmitThatStoodStill(t *testing.T) {
	t.Parallel()
	for name, died := range map[string]bool{"the other has recorded it": false, "the other died before": true} {
		t.Run("before its intent, "+name, func(t *testing.T) {
			b := setup(t)
			id := b.stage()
			b.put(spark.FileLaunch, `{"name":"a job","main":"a.jar","class":"Main"}`)
			other := b.opts
			if died {
				other.Hold = func(_ context.Context, point string) {
					if point == holdLaunch {
						panic(errors.New("died"))
					}
				}
			}
			b.opts.Builder = meanwhile{b.opts.Builder, func() {
				m, err := New(other)
				require.NoError(t, err)
				func() {
					defer func() { _ = recover() }()
					_ = m.Submit(t.Context(), b.attempt)
				}()
				b.rm.forget(id)
			}}
			err := b.open().Submit(t.Context(), b.attempt)
			if died {
				require.Equal(t, job.CodeConflict, job.CodeOf(err), "%v", err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, 1, b.rm.taken(id))
		})
	}
	t.Run("behind its intent", func(t *testing.T) {
		b := setup(t)
		id := b.stage()
		b.opts.Hold = func(_ context.Context, point string) {
			if point == holdIntent {
				b.opts.Hold = nil
				require.NoError(t, b.open().Submit(t.Context(), b.attempt))
				b.rm.forget(id)
			}
		}
		require.NoError(t, b.open().Submit(t.Context(), b.attempt))
		require.Equal(t, 1, b.rm.taken(id))
	})
}

// meanwhile does something while a submission is built.
type meanwhile struct {
	Builder
	do func()
}

func (m meanwhile) Build(ctx context.Context, r Request) (rm.SubmissionContext, error) {
	m.do()
	return m.Builder.Build(ctx, r)
}

// What a moment's failure keeps from being known is asked again, and decides nothing.
func TestSendingAgainWhileSomethingFails(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"/conf": "/conf", "statistics": "/ws/v1/cluster/appstatistics"} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(o *Options) {
				o.Hold = func(_ context.Context, point string) {
					if point == holdIntent {
						panic(errors.New("died"))
					}
				}
			})
			id := b.stage()
			b.put(spark.FileLaunch, `{"name":"a job","main":"a.jar","class":"Main"}`)
			require.PanicsWithError(t, "died", func() { _ = b.submit() })
			b.opts.Hold = nil
			b.rm.properties = map[string]string{"yarn.resourcemanager.max-completed-applications": "5"}
			b.rm.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path {
					w.WriteHeader(http.StatusBadGateway)
					return true
				}
				return false
			}
			require.Equal(t, job.CodeUnavailable, job.CodeOf(b.open().Submit(t.Context(), b.attempt)))
			b.rm.before = nil
			require.NoError(t, b.open().Submit(t.Context(), b.attempt))
			require.Equal(t, 1, b.rm.taken(id))
		})
	}
}

// history says the same of all applications.
type history struct {
	ran bool
	err error
}

func (h history) Ran(context.Context, string) (bool, error) { return h.ran, h.err }

// A worker that stood still after it had sent an application may find that it has come
// and gone meanwhile.
func TestForgottenBeforeItWasConfirmed(t *testing.T) {
	b := setup(t)
	b.opts.Hold = func(_ context.Context, point string) {
		if point == holdLaunch {
			b.rm.forget(b.application())
		}
	}
	b.m = b.open()
	id := b.stage()
	b.put(spark.FileLaunch, `{"name":"a job","main":"a.jar","class":"Main"}`)
	require.Equal(t, job.CodeConflict, job.CodeOf(b.submit()))
	require.Equal(t, 1, b.rm.taken(id))
}

// Of a program that the ResourceManager has forgotten, kept logs say that it ran.
func TestForgottenProgramRan(t *testing.T) {
	b := setup(t)
	id := b.stage()
	b.put(spark.FileLaunch, `{"name":"a job","main":"a.jar","class":"Main"}`)
	require.NoError(t, b.submit())
	b.rm.forget(id)
	require.Equal(t, job.BeganUnknown, b.observe().Began)
	b.opts.History = history{ran: true}
	o := b.observe()
	require.Equal(t, job.StateAbsent, o.State)
	require.Equal(t, job.BeganYes, o.Began)
	require.Contains(t, o.Raw, "logs of it are kept")
}

// application is the id that was reserved.
func (b *bundle) application() string {
	r, err := jobDir{store: b.opts.Store, path: b.dir()}.reservation(b.Context())
	require.NoError(b, err)
	return r.Application
}

// A closed gate keeps back what was never sent, and nothing else.
func TestGate(t *testing.T) {
	closed := &spark.HeldError{Reason: "drained"}
	var gate error = closed
	b := setup(t, func(o *Options) { o.Gate = func(context.Context) error { return gate } })
	id := b.stage()
	require.ErrorIs(t, b.submit(), closed)
	require.NoFileExists(t, filepath.Join(b.dir(), spark.FileIntent))
	require.Zero(t, b.rm.taken(id))

	gate = nil
	b.opts.Hold = func(_ context.Context, point string) {
		if point == holdIntent {
			panic(errors.New("died"))
		}
	}
	b.m = b.open()
	require.PanicsWithError(t, "died", func() { _ = b.submit() })
	gate, b.opts.Hold = closed, nil
	b.m = b.open()
	require.ErrorIs(t, b.submit(), closed, "it was provably not taken")
	require.Zero(t, b.rm.taken(id))
	gate = nil
	require.NoError(t, b.submit())
	gate = closed
	require.NoError(t, b.submit(), "it was sent")
	require.Equal(t, 1, b.rm.taken(id))
}

// An answer is no promise: an application that the ResourceManager lost before it
// saved is sent again at once.
func TestLostBeforeItWasSaved(t *testing.T) {
	b := setup(t)
	id := b.stage()
	b.rm.loseNext = true
	require.NoError(t, b.submit())
	require.Equal(t, 1, b.rm.taken(id))
}

func TestSomebodyElsesApplicationIsNotOurs(t *testing.T) {
	b := setup(t)
	id := b.stage()
	b.rm.apps[id] = &fakeApp{id: id, user: "mallory", state: "RUNNING", tags: []string{"x"}}
	err := b.submit()
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
	require.ErrorContains(t, err, "mallory")

	own := append(attemptTags(b.attempt), b.m.clusterTag())
	for what, app := range map[string]fakeApp{
		"another name":         {name: "another", tags: own},
		"another installation": {name: "a job", tags: attemptTags(b.attempt)},
		"another attempt":      {name: "a job", tags: append(attemptTags(job.AttemptOf(b.attempt.Job, 2)), b.m.clusterTag())},
	} {
		app.id, app.user, app.state = id, "ann", "RUNNING"
		b.rm.apps[id] = &app
		require.NoError(t, os.Remove(filepath.Join(b.dir(), spark.FileIntent))) // as if it had not been sent
		require.Equal(t, job.CodeConflict, job.CodeOf(b.submit()), what)
	}
}

// What the scheduler does not take, such as for an unknown queue, is invalid,
// however often it is asked; what ran and failed is not.
func TestRefused(t *testing.T) {
	b := setup(t)
	id := b.stage()
	b.rm.refuses = true
	for range 2 {
		err := b.open().Submit(t.Context(), b.attempt)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.ErrorContains(t, err, "YARN refused the application: Attempt recovered")
	}
	require.NoFileExists(t, filepath.Join(b.dir(), spark.FileAcknowledged))
	b.rm.launches[id] = 1
	require.NoError(t, b.submit())
}

func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("before anything was sent", func(t *testing.T) {
		b := setup(t)
		id := b.stage()
		begun := time.Now()
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.Less(t, time.Since(begun), time.Second, "nothing can be under way")
		require.ErrorIs(t, b.submit(), spark.ErrRevoked)
		require.Zero(t, b.rm.taken(id))
		require.Equal(t, job.BeganNo, b.observe().Began)
	})
	t.Run("while it runs, twice", func(t *testing.T) {
		b := setup(t)
		id := b.stage()
		require.NoError(t, b.submit())
		b.rm.set(id, "RUNNING", "UNDEFINED")
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.Equal(t, job.StateKilled, b.observe().State)
	})
	t.Run("a request is under way", func(t *testing.T) {
		b := setup(t)
		id := b.stage()
		sent := make(chan struct{})
		b.opts.Hold = func(_ context.Context, point string) {
			if point == holdIntent {
				close(sent)
				require.Eventually(t, func() bool {
					_, err := os.Stat(filepath.Join(b.dir(), spark.FileRevoked))
					return err == nil
				}, time.Minute, time.Millisecond)
			}
		}
		done := make(chan error, 1)
		m := b.open()
		go func() { done <- m.Submit(context.WithoutCancel(t.Context()), b.attempt) }()
		<-sent
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.ErrorIs(t, <-done, spark.ErrRevoked)
		require.Zero(t, b.rm.taken(id))
		data, err := os.ReadFile(filepath.Join(b.dir(), spark.FileStarted))
		require.NoError(t, err)
		require.Contains(t, string(data), `"owner":"stoker"`, "user code can never begin")
	})
	t.Run("a request comes late", func(t *testing.T) {
		b := setup(t)
		id := b.stage()
		b.put(spark.FileIntent, "{}")
		time.AfterFunc(500*time.Millisecond, func() {
			b.rm.mu.Lock()
			defer b.rm.mu.Unlock()
			b.rm.apps[id] = &fakeApp{id: id, user: "ann", state: "ACCEPTED", tags: attemptTags(b.attempt)}
		})
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"))
		require.Equal(t, job.StateKilled, b.observe().State)
	})
	t.Run("the cluster is down", func(t *testing.T) {
		b := setup(t)
		id := b.stage()
		b.rm.before = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		_, err := b.m.Observe(t.Context(), b.attempt)
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "it may be sent still")
		require.Equal(t, job.CodeUnavailable, job.CodeOf(b.m.Release(t.Context(), b.attempt)))
		require.NoError(t, b.m.Kill(t.Context(), b.attempt, "enough"), "nothing was sent")
		require.FileExists(t, filepath.Join(b.dir(), spark.FileRevoked))
		for _, observe := range []func(context.Context, job.Attempt) (job.Observation, error){b.m.Observe, b.m.ObserveNow} {
			o, err := observe(t.Context(), b.attempt)
			require.NoError(t, err)
			require.Equal(t, job.StateAbsent, o.State)
			require.Equal(t, job.BeganNo, o.Began)
		}
		require.NoError(t, b.m.Release(t.Context(), b.attempt))
		require.NoFileExists(t, filepath.Join(b.dir(), spark.FileLaunch))
		b.put(spark.FileIntent, `{"application":"`+id+`"}`)
		require.Equal(t, job.CodeUnavailable, job.CodeOf(b.m.Kill(t.Context(), b.attempt, "enough")))
		_, err = b.m.ObserveNow(t.Context(), b.attempt)
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "it may have been sent")
		require.Equal(t, job.CodeUnavailable, job.CodeOf(b.m.Release(t.Context(), b.attempt)))
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		state, final string
		want         job.State
	}{
		"accepted":         {"ACCEPTED", "UNDEFINED", job.StatePending},
		"running":          {"RUNNING", "UNDEFINED", job.StateRunning},
		"succeeded":        {"FINISHED", "SUCCEEDED", job.StateSucceeded},
		"failed":           {"FINISHED", "FAILED", job.StateFailed},
		"finished killed":  {"FINISHED", "KILLED", job.StateKilled},
		"finished, silent": {"FINISHED", "UNDEFINED", job.StateFailed},
		"failed by YARN":   {"FAILED", "FAILED", job.StateFailed},
		"killed":           {"KILLED", "KILLED", job.StateKilled},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			id := b.stage()
			require.NoError(t, b.submit())
			b.rm.set(id, row.state, row.final)
			o := b.observe()
			require.Equal(t, row.want, o.State)
			require.Contains(t, o.Raw, row.state)
		})
	}
}

// A master has a container for some time before its program has made a SparkContext. The
// list that all jobs share says so.
func TestPlaced(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	asked := 0
	b.rm.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/apps/") {
			asked++
		}
		return false
	}
	const logs = "http://node:8042/node/containerlogs/container_1700000000000_0001_01_000001/stoker"
	for name, row := range map[string]struct {
		state, logs string
		placed      bool
		words       string
	}{
		"waits for room": {"ACCEPTED", "", false, "ACCEPTED: "},
		"placed":         {"ACCEPTED", logs, true, "ACCEPTED, its driver has a container; it counts as running when the program has made a SparkContext: "},
		"runs":           {"RUNNING", logs, false, "RUNNING: "},
	} {
		b.rm.set(id, row.state, "UNDEFINED")
		b.rm.apps[id].logs = row.logs
		m := b.open()
		live, err := m.Live(t.Context())
		require.NoError(t, err)
		require.Len(t, live, 1, name)
		require.Equal(t, row.placed, live[0].Placed, name)
		all, err := m.Snapshot(t.Context())
		require.NoError(t, err)
		require.Equal(t, live, all, name)
		o, err := m.Observe(t.Context(), b.attempt)
		require.NoError(t, err)
		require.Contains(t, o.Raw, row.words, name)
	}
	require.Zero(t, asked)
}

// What the driver wrote counts for this application only, and outlives the
// ResourceManager's memory.
func TestObserveReadsTheDriversWord(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	b.put(spark.FileStarted, `{"owner":"`+id+`","attempt":1,"at":"2026-01-02T03:04:05Z"}`)
	b.put(spark.FileStatus, `{"version":1,"application":"`+id+`","attempt":1,"state":"returned","end":"2026-01-02T03:05:05Z"}`)
	b.rm.forget(id)
	o := b.observe()
	require.Equal(t, job.StateAbsent, o.State)
	require.Equal(t, job.BeganYes, o.Began)
	require.True(t, o.Driver.Returned())
	require.False(t, o.EndedAt.IsZero())
	b.put(spark.FileStatus, `{"version":1,"application":"application_1_1","attempt":1,"state":"returned"}`)
	require.Nil(t, b.observe().Driver)
}

// However many jobs live, the ResourceManager is asked once per interval.
func TestLiveJobsShareOneSnapshot(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	b.rm.set(id, "RUNNING", "UNDEFINED")
	asked := 0
	b.rm.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/apps/"+id) {
			asked++
		}
		return false
	}
	m := b.open()
	for range 100 {
		o, err := m.Observe(t.Context(), b.attempt)
		require.NoError(t, err)
		require.Equal(t, job.StateRunning, o.State)
	}
	require.Zero(t, asked)
	require.LessOrEqual(t, b.rm.lists, 4)
	sightings, err := m.Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, sightings, 1)
	require.Equal(t, b.attempt, sightings[0].Attempt)
}

func TestRelease(t *testing.T) {
	b := setup(t)
	id := b.stage()
	require.NoError(t, b.submit())
	b.rm.set(id, "RUNNING", "UNDEFINED")
	require.Equal(t, job.CodeConflict, job.CodeOf(b.m.Release(t.Context(), b.attempt)))
	b.rm.set(id, "FINISHED", "SUCCEEDED")
	require.NoError(t, b.m.Release(t.Context(), b.attempt))
	require.NoError(t, b.m.Release(t.Context(), b.attempt))
	entries, err := os.ReadDir(b.dir())
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, spark.IsMarker(entry.Name()), entry.Name())
	}
	require.True(t, b.observe().Released)
	require.NoError(t, b.submit(), "it was launched before")
	b.rm.forget(id)
	require.NoError(t, b.submit(), "that is on record")
	require.Equal(t, 1, b.rm.taken(id))
}

func TestTagsNameTheAttempt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := job.Key{
			Source: rapid.SampledFrom([]string{"model-manage", "api"}).Draw(t, "source"),
			ID:     rapid.StringN(1, 200, 400).Draw(t, "id"), Rerun: rapid.IntRange(0, 9).Draw(t, "rerun"),
		}
		attempt := key.Attempt(rapid.IntRange(1, 99).Draw(t, "attempt"))
		tags := attemptTags(attempt)
		require.LessOrEqual(t, len(tags), 8)
		var kept []string
		for _, tag := range tags {
			require.LessOrEqual(t, len(tag), maxTag)
			kept = append(kept, strings.ToLower(tag))
		}
		app := rm.Application{Tags: append(kept, "stoker-here")}
		got, ok := attemptOf(app)
		require.True(t, ok)
		require.Equal(t, attempt, got)
		require.True(t, ours(app, attempt))
		require.False(t, ours(app, job.AttemptOf(attempt.Job+"x", attempt.Number)))
	})
}
