package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

func TestCheckInputsOnFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"a.csv", "a b%20é.csv", "q[1].csv", "dir/part-0"} {
		require.NoError(t, os.MkdirAll(root+"/dir", 0o755))
		require.NoError(t, os.WriteFile(root+"/"+name, []byte("x"), 0o600))
	}
	set := store.Set{Default: file.New(file.Options{})}
	for _, c := range []struct {
		url     string
		problem string // "" for none
	}{
		{root + "/a.csv", ""},
		{"hdfs://" + root + "/a.csv", ""},
		{"file:" + root + "/a b%20é.csv", ""},
		{"file://" + root + "/dir/", ""},
		{root + "/*.csv", ""},
		{root + "/{dir/part-0,nope}", ""},
		{root + `/q\[1\].csv`, ""},
		{root + "/a%2Ecsv", "is missing"},
		{root + "/a.csv/below", "is missing"},
		{root + "/*.parquet", "nothing matches"},
		{root + "/q[1].csv", `put a '\' before`},
		{root + "/[", "not closed"},
		{root + "/../x", `".."`},
		{"relative.csv", "not absolute"},
		{"/dev/zero", "not a file"},
		{"s3a://b/k", "can't be verified"},
	} {
		t.Run(c.url, func(t *testing.T) {
			t.Parallel()
			problems, err := store.CheckInputs(t.Context(), set, []store.NamedURL{{Name: "the input", URL: c.url}}, store.PolicyRefuse)
			require.NoError(t, err)
			if c.problem == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], c.problem)
			require.Contains(t, problems[0], "the input (")
			require.Contains(t, problems[0], fmt.Sprintf("%q", c.url))
		})
	}
}

func TestCheckInputsUnverifiable(t *testing.T) {
	t.Parallel()
	urls := []store.NamedURL{{Name: "a", URL: "s3a://b/k"}}
	for policy, want := range map[store.Policy]int{store.PolicyAllow: 0, store.PolicyRefuse: 1, "": 1} {
		problems, err := store.CheckInputs(t.Context(), store.Set{Default: local}, urls, policy)
		require.NoError(t, err)
		require.Len(t, problems, want, policy)
	}
}

func TestCheckInputsPartsProblemsFromOutage(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	forbidden := fmt.Errorf("open: %w", fs.ErrPermission)
	st := &fakeStore{
		scheme: "file",
		files: map[string]bool{
			"/": true, "/ok": false, "/unreadable": false, "/down": false, "/dir": true, "/closed": true, "/p": true, "/p/1": false, "/p/2": false,
		},
		open: func(_ context.Context, path string) error {
			return map[string]error{"/unreadable": forbidden, "/p/2": forbidden, "/down": down}[path]
		},
		stat: func(_ context.Context, path string) error { return map[string]error{"/hidden/x": forbidden}[path] },
		list: func(_ context.Context, path string) error {
			return map[string]error{"/closed": forbidden}[path]
		},
	}
	check := func(urls ...string) ([]string, error) {
		named := []store.NamedURL{}
		for i, u := range urls {
			named = append(named, store.NamedURL{Name: fmt.Sprintf("in%d", i), URL: u})
		}
		return store.CheckInputs(t.Context(), store.Set{Default: st}, named, store.PolicyRefuse)
	}

	problems, err := check("/ok", "/unreadable", "/dir", "/closed", "/none", "/hidden/x", "/p/*")
	require.NoError(t, err)
	require.Len(t, problems, 5)
	for i, want := range []struct{ name, says string }{
		{"in1", "forbidden"}, {"in3", "forbidden"}, {"in4", "missing"}, {"in5", "forbidden"}, {"in6", "forbidden"},
	} {
		require.Contains(t, problems[i], want.name, "in the order of the inputs")
		require.Contains(t, problems[i], want.says)
	}

	problems, err = check("/down", "/none", "/ok")
	require.ErrorIs(t, err, down)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.ErrorContains(t, err, `"/down"`)
	require.Len(t, problems, 1, "what is certain is said all the same")

	problems, err = check()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestCheckInputsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var now, most int
		st := &fakeStore{scheme: "file", files: map[string]bool{"/x": false}, stat: func(context.Context, string) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second) // of the bubble's clock
			mu.Lock()
			now--
			mu.Unlock()
			return nil
		}}
		urls := make([]store.NamedURL, 40)
		for i := range urls {
			urls[i] = store.NamedURL{Name: "x", URL: "/x"}
		}
		began := time.Now()
		problems, err := store.CheckInputs(t.Context(), store.Set{Default: st}, urls, store.PolicyRefuse)
		require.NoError(t, err)
		require.Empty(t, problems)
		require.Equal(t, 8, most)
		require.Equal(t, 5*time.Second, time.Since(began), "40 checks, 8 at a time")
	})
}

func TestCheckInputsLeavesAHangingStore(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	asked := make(chan struct{}, 20)
	st := &fakeStore{scheme: "file", stat: func(context.Context, string) error {
		asked <- struct{}{}
		<-hang // does not look at ctx
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	urls := make([]store.NamedURL, 20)
	for i := range urls {
		urls[i] = store.NamedURL{Name: "x", URL: "/x"}
	}
	problems, err := store.CheckInputs(ctx, store.Set{Default: st}, urls, store.PolicyRefuse)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	require.Empty(t, problems)
}
