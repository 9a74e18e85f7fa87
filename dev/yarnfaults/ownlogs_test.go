//go:build hadoop

package yarnfaults

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// A large log of bytes of every kind comes from the NodeManager to HDFS, and from there
// to who follows it, as it was written.
func TestLargeLog(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	worker := i.Worker()
	o := owned(i)
	o.CheckLargeLog(bench.LargeLog{Bytes: 200 << 20, Slow: 20 << 20, MostMemory: 200 << 20, Spark: true, Worker: worker, API: o.api})
}

// quota bounds a directory on HDFS, in bytes; -1 is no bound. HDFS counts a whole block
// for a file that is being written.
func quota(t *testing.T, dir string, bytes int64) {
	t.Helper()
	require.NoError(t, webHDFS(t.Context(), dir, url.Values{"op": {"SETQUOTA"}, "namespacequota": {"9223372036854775807"}, "storagespacequota": {strconv.FormatInt(bytes, 10)}}))
}

// block is the size of a block on HDFS, in bytes.
const block = 128 << 20

// An upload beyond the quota of its directory is refused in words and leaves nothing.
func TestUploadBeyondQuota(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	o := owned(i)
	dir := o.Config.Clusters["yarn"].ArtifactsRoot()
	o.Upload([]byte("first"), "first.txt")
	quota(t, dir, block+1<<10)
	o.Upload([]byte("second"), "second.txt")
	quota(t, dir, block)
	reference, err := o.TryUpload([]byte("third"), "third.txt")
	require.ErrorContains(t, err, "the directory's quota is used up; free space there or give it more, then try again")
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
	artifact, _, _ := jobspec.CutArtifact(reference)
	there, err := o.Client.HasArtifact(t.Context(), client.Upload{Artifact: artifact})
	require.NoError(t, err)
	require.False(t, there)
	o.walk(dir, func(name string, isDir bool, _ fs.FileMode) {
		base := path.Base(name)
		require.True(t, isDir || base == "first.txt" || base == "second.txt" || base == ".used", "%s is left", name)
	})
	quota(t, dir, 2*block)
	o.Upload([]byte("third"), "third.txt")
}

// A log store whose quota is used up costs a job the rest of its log, and nothing else.
func TestLogBeyondQuota(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t)
	i.Worker()
	o := owned(i)
	dir := o.Config.Clusters["yarn"].LogsRoot()
	o.Eventually("the log store is there", func() bool { _, err := i.files.Stat(t.Context(), dir); return err == nil })
	quota(t, dir, block+4<<20)
	const program = `import os, sys
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate()
with open(sys.argv[1] + ".log", "wb") as f:
    for i in range(20 << 16):
        line = b"%015d\n" % i
        f.write(line)
        sys.stdout.buffer.write(line)
`
	id := o.Submit(jobspec.Spec{File: o.Upload([]byte(program), "chatty.py"), Args: []string{o.base}}).ID
	done := o.Done(id)
	require.Equal(t, job.ResultSucceeded, done.Outcome.Result, "%+v", done.Outcome)
	var kept bytes.Buffer
	end, err := o.Client.Logs(t.Context(), client.LogRequest{Job: id, Follow: true}, &kept)
	require.NoError(t, err)
	require.True(t, end.Finished)
	require.Contains(t, end.Missing, "stdout breaks off at byte "+strconv.Itoa(kept.Len()))
	require.Less(t, kept.Len(), 5<<20)
	require.Positive(t, kept.Len())
	whole, err := os.ReadFile(o.base + ".log")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(whole), kept.String()), "what is kept is what was written")
	require.Empty(t, i.noMarkers(o.attempt(id, 1)), "the job is cleaned all the same")
}
