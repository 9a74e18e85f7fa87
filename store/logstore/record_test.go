package logstore_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store/logstore"
)

// record of a job that was handed to Stoker.
func record(id string) job.Record {
	at := time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)
	key := job.Key{Source: job.SourceAPI, ID: id}
	return job.Record{
		Version: job.RecordVersion, ID: key.Name(), Key: key, Spec: job.Spec{Name: "n", User: "ana", Labels: map[string]string{"a": "b"}},
		Request: &job.Request{Spec: json.RawMessage(`{"file":"x.py"}`), User: "ana", Cluster: "local", Digest: "d"},
		Outcome: job.Outcome{Result: job.ResultFailed, Class: job.ClassApplication, Message: "no"}, Application: "app", Attempts: 2,
		SubmittedAt: at, RunAt: at, WaitingAt: at, RunningAt: at, EndedAt: at, WorkflowID: key.WorkflowID(), RunID: "run",
	}
}

func (b *bundle) store() *logstore.Store { return logstore.New(b.files, b.root) }

// file writes one below the root by hand.
func (b *bundle) file(name, content string) {
	b.Helper()
	path := filepath.Join(b.root, name)
	require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(b, os.WriteFile(path, []byte(content), 0o600))
}

func TestRecordIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.store()
	got, err := s.Record(t.Context(), "api-1")
	require.NoError(t, err)
	require.Nil(t, got)
	hours, err := s.Hours(t.Context())
	require.NoError(t, err)
	require.Empty(t, hours)

	want := record("1")
	before := time.Now().UTC().Format("20060102-15")
	require.NoError(t, s.PutRecord(t.Context(), want))
	got, err = s.Record(t.Context(), "api-1")
	require.NoError(t, err)
	require.Equal(t, &want, got, "all of it, the request included, and times to the nanosecond")
	require.NotNil(t, want.Request, "the caller's record stays as it was")

	hours, err = s.Hours(t.Context())
	require.NoError(t, err)
	require.Len(t, hours, 1)
	require.Contains(t, []string{before, time.Now().UTC().Format("20060102-15")}, hours[0])
	ids, err := s.Hour(t.Context(), hours[0])
	require.NoError(t, err)
	require.Equal(t, []string{"api-1"}, ids)
	indexed, err := s.Indexed(t.Context(), hours[0], "api-1")
	require.NoError(t, err)
	want.Request = nil
	require.Equal(t, &want, indexed, "the index is read as a whole, so it holds no requests")
}

func TestRecordIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.store()
	r := record("1")
	require.NoError(t, s.PutRecord(t.Context(), r))
	r.Outcome = job.Outcome{Result: job.ResultSucceeded}
	require.NoError(t, s.PutRecord(t.Context(), r))
	got, err := s.Record(t.Context(), "api-1")
	require.NoError(t, err)
	require.Equal(t, job.ResultSucceeded, got.Outcome.Result)
}

// A record that is put again later, after a reset say, has an entry in two hours.
func TestEntriesGoByTheHourOfKeeping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		s := b.store()
		time.Sleep(time.Until(time.Date(2001, 1, 1, 22, 59, 59, 0, time.UTC)))
		require.NoError(t, s.PutRecord(t.Context(), record("1")))
		time.Sleep(time.Second)
		require.NoError(t, s.PutRecord(t.Context(), record("2")))
		require.NoError(t, s.PutRecord(t.Context(), record("1")))
		time.Sleep(time.Hour)
		require.NoError(t, s.PutRecord(t.Context(), record("3")))
		hours, err := s.Hours(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"20010102-00", "20010101-23", "20010101-22"}, hours, "the latest first")
		for hour, want := range map[string][]string{
			"20010101-22": {"api-1"}, "20010101-23": {"api-1", "api-2"}, "20010102-00": {"api-3"}, "20010102-01": nil,
		} {
			ids, err := s.Hour(t.Context(), hour)
			require.NoError(t, err)
			require.Equal(t, want, ids, hour)
		}
	})
}

func TestRecordsOfForeignNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.store()
	for _, id := range []string{"", ".", "..", ".records", "a/b", "../a", "a\x00b", strings.Repeat("x", 300)} {
		_, err := s.Record(t.Context(), id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
		_, err = s.Indexed(t.Context(), "20260101-00", id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
		r := record("1")
		r.ID = id
		require.Equal(t, job.CodeInvalid, job.CodeOf(s.PutRecord(t.Context(), r)), id)
	}
	b.file(".records/20260101-00/.api-1.tmp", "{}")
	b.file(".records/20260101-00/api-1", "{}")
	b.file(".records/lost+found/x", "")
	b.file(".records/20260101-0", "")
	hours, err := s.Hours(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"20260101-00"}, hours)
	ids, err := s.Hour(t.Context(), hours[0])
	require.NoError(t, err)
	require.Equal(t, []string{"api-1"}, ids, "what is still being written is no entry")
}

func TestUnreadableRecords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.store()
	for name, content := range map[string]string{
		"empty": "", "cut off": `{"id":"api-1"`, "of another job": `{"id":"api-2"}`, "null": "null", "no record": `[]`,
	} {
		b.file("api-1/record.json", content)
		got, err := s.Record(t.Context(), "api-1")
		require.Equal(t, job.CodeInternal, job.CodeOf(err), name)
		require.Nil(t, got, name)
	}
	b.file("api-1/record.json", `{"id":"api-1","someday":{"more":1}}`)
	got, err := s.Record(t.Context(), "api-1")
	require.NoError(t, err, "a later version may say more")
	require.Equal(t, "api-1", got.ID)
}

func TestRecordsWithoutTheirStore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		cause error
		want  job.Code
	}{{fs.ErrPermission, job.CodeUnauthorized}, {fmt.Errorf("connection refused"), job.CodeUnavailable}} {
		b := setup(t)
		s := b.store()
		require.NoError(t, s.PutRecord(t.Context(), record("1")))
		b.files.open = func(string) error { return row.cause }
		b.files.list = func(string) error { return row.cause }
		_, err := s.Record(t.Context(), "api-1")
		require.Equal(t, row.want, job.CodeOf(err))
		_, err = s.Hours(t.Context())
		require.Equal(t, row.want, job.CodeOf(err))
		_, err = s.Hour(t.Context(), "20260101-00")
		require.Equal(t, row.want, job.CodeOf(err))
		_, err = s.Indexed(t.Context(), "20260101-00", "api-1")
		require.Equal(t, row.want, job.CodeOf(err))
	}
}

// An index entry without a record would show a job that nobody can look at.
func TestRecordComesBeforeItsEntry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.store()
	b.files.write = func(path string) error {
		if strings.HasSuffix(path, "/record.json") {
			return fmt.Errorf("no space left on device")
		}
		return nil
	}
	require.Equal(t, job.CodeUnavailable, job.CodeOf(s.PutRecord(t.Context(), record("1"))))
	hours, err := s.Hours(t.Context())
	require.NoError(t, err)
	require.Empty(t, hours)
}

// The greatest request that the API takes, of characters of which JSON for HTML makes
// six, comes back whole.
func TestTheGreatestRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.store()
	r := record("1")
	spec, err := json.Marshal(map[string]string{"file": strings.Repeat("<", 256<<10)})
	require.NoError(t, err)
	require.Greater(t, len(spec), 6*256<<10, "as encoding/json writes it")
	r.Request.Spec = spec
	r.Outcome.Problems = []string{strings.Repeat("&", 100*500)}
	require.NoError(t, s.PutRecord(t.Context(), r))
	got, err := s.Record(t.Context(), "api-1")
	require.NoError(t, err)
	require.Equal(t, r, *got)

	r.Outcome.Traceback = strings.Repeat("x", 5<<20)
	require.Equal(t, job.CodeInvalid, job.CodeOf(s.PutRecord(t.Context(), r)), "what could not be read is not written")
}

func TestRecordsAreForTheirOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.store().PutRecord(t.Context(), record("1")))
	hour := regexp.MustCompile(`/\d{8}-\d{2}/api-1$`)
	found := 0
	require.NoError(t, filepath.WalkDir(b.root, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() {
			return nil
		}
		found++
		info, err := d.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
		require.True(t, strings.HasSuffix(path, "/api-1/record.json") || hour.MatchString(path), path)
		return nil
	}))
	require.Equal(t, 2, found)
}
