package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// largeLogProgram writes bytes of every kind to its log and, beside it, to a file that
// says what it has written; its arguments are the beginning of the names of the files
// that it shares with the test, how many bytes to write, and "spark" if there is one.
const largeLogProgram = `import hashlib, os, sys, time

base, size = sys.argv[1], int(sys.argv[2])
if "spark" in sys.argv[3:]:
    from pyspark.sql import SparkSession

    SparkSession.builder.getOrCreate().range(10).count()
out, kept, n = sys.stdout.buffer, open(base + ".log", "wb"), 0


def write(data):
    global n
    out.write(data)
    out.flush()
    kept.write(data)
    n += len(data)


def wait(name):
    while not os.path.exists(base + name):
        time.sleep(0.01)


write(bytes(range(256)) * 4 + b"\xff\xfe\xc3\x28\x00\r\n")
write(b"x" * 5_000_000 + b"\n")
for i in range(3):
    wait(".mark%d" % i)
    write(b"mark %d\n" % i)
i = 0
while n < size:
    write(hashlib.shake_128(b"%d" % i).digest(1 << 20))
    i += 1
kept.close()
open(base + ".written", "w").close()
wait(".go")
`

// beforeMarks is how much it writes before it waits for the first mark.
const beforeMarks = 1024 + 7 + 5_000_001

// LargeLog is what CheckLargeLog is to check.
type LargeLog struct {
	// Bytes to write, at least; Spark says that the program runs on a real one.
	Bytes int64
	Spark bool
	// Slow follower's bytes per second.
	Slow int64
	// API and Worker may at most have held so many bytes of memory at any time.
	API, Worker *Process
	MostMemory  int64
}

// CheckLargeLog runs a job with a large log that is anything but text, which two follow
// while it is written, one of them slowly. What they read, what is read in pieces, and
// what is read afterwards must be what the job wrote, byte for byte.
func (u *User) CheckLargeLog(l LargeLog) {
	u.Helper()
	base := filepath.Join(u.Scratch, "large")
	touch := func(name string) { require.NoError(u, os.WriteFile(base+name, nil, 0o600)) }
	args := []string{base, strconv.FormatInt(l.Bytes, 10)}
	if l.Spark {
		args = append(args, "spark")
	}
	id := u.Submit(jobspec.Spec{File: u.Upload([]byte(largeLogProgram), "large.py"), Args: args}).ID
	fast, slow := u.Follow(id, "stdout", 0), u.Follow(id, "stdout", l.Slow)
	fast.Reaches(beforeMarks)
	for i := range 3 {
		touch(fmt.Sprintf(".mark%d", i))
		u.Logf("a line is seen %s after it was written", fast.Reaches(beforeMarks+int64(7*(i+1))).Round(time.Millisecond))
	}
	u.checkSlots(id, l.API)
	leaver := u.Follow(id, "stdout", 0)
	leaver.Reaches(beforeMarks)
	u.Eventually("all is written", func() bool { _, err := os.Stat(base + ".written"); return err == nil })
	all := time.Now()
	leaver.Leave()
	written, err := os.Open(base + ".log")
	require.NoError(u, err)
	defer func() { _ = written.Close() }() // only read
	info, err := written.Stat()
	require.NoError(u, err)
	fast.Reaches(info.Size())
	u.Logf("the end of %d MB is seen %s after it was written", info.Size()/1e6, time.Since(all).Round(time.Millisecond))
	u.checkRanges(id, written, info.Size(), false)
	touch(".go")

	sum := sha256.New()
	_, err = io.Copy(sum, written)
	require.NoError(u, err)
	want := hex.EncodeToString(sum.Sum(nil))
	require.Equal(u, want, fast.Ends(), "what was followed")
	require.Equal(u, want, slow.Ends(), "what was followed slowly")
	require.Equal(u, info.Size(), slow.Bytes())
	require.Equal(u, job.ResultSucceeded, u.Done(id).Outcome.Result)
	require.Equal(u, want, u.Follow(id, "stdout", 0).Ends(), "what is read afterwards")
	u.checkRanges(id, written, info.Size(), true)
	for _, p := range []*Process{l.API, l.Worker} {
		most := p.MostMemory()
		u.Logf("%s held at most %d MB", p.name, most/1e6)
		require.Less(u, most, l.MostMemory, p.name)
	}
}

// checkRanges reads pieces of a log and compares them with what was written.
func (u *User) checkRanges(id string, written io.ReaderAt, size int64, finished bool) {
	u.Helper()
	for i := range 40 {
		offset, limit := rand.Int64N(size+1), rand.Int64N(1<<20)
		query := fmt.Sprintf("offset=%d&limit=%d", offset, limit)
		switch i {
		case 0:
			query, offset, limit = "offset=-1000", size-1000, 1000
		case 1:
			query, offset, limit = fmt.Sprintf("offset=%d", size+1), size+1, 0
		case 2:
			query, offset, limit = "offset=0&limit=0", 0, 0
		case 3:
			query, offset, limit = fmt.Sprintf("offset=-%d&limit=5", 2*size), 0, 5
		}
		want := make([]byte, max(0, min(limit, size-offset)))
		_, err := written.ReadAt(want, min(offset, size))
		require.True(u, err == nil || len(want) == 0, "%v", err)
		reply, err := http.Get(u.URL + "/v1/jobs/" + id + "/logs?" + query) //nolint:noctx,gosec // an API under test
		require.NoError(u, err)
		got, err := io.ReadAll(reply.Body)
		_ = reply.Body.Close() // all of it was read
		require.NoError(u, err, query)
		require.Equal(u, http.StatusOK, reply.StatusCode, "%s: %s", query, got)
		require.Equal(u, strconv.FormatBool(finished), reply.Header.Get("Stoker-Log-Finished"))
		require.Equal(u, strconv.FormatInt(size, 10), reply.Header.Get("Stoker-Log-Size"))
		require.True(u, string(want) == string(got), "%s: %d other bytes", query, len(got)) //nolint:testifylint // not to print them
	}
}

// mostFollows is how many logs one user may follow.
const mostFollows = 20

// checkSlots: who leaves a log that it has followed leaves nothing behind, neither its
// place nor a file of the server's. Two follow already.
func (u *User) checkSlots(id string, api *Process) {
	u.Helper()
	follow := func() (*http.Response, int) {
		request, err := http.NewRequestWithContext(u.Context(), http.MethodGet, u.URL+"/v1/jobs/"+id+"/logs?follow=true&offset=-10", http.NoBody)
		require.NoError(u, err)
		reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		require.NoError(u, err)
		return reply, reply.StatusCode
	}
	before := api.Files()
	var all []*http.Response
	for range mostFollows - 2 {
		reply, status := follow() //nolint:bodyclose // it is closed below
		require.Equal(u, http.StatusOK, status)
		all = append(all, reply) //nolint:bodyclose // as above
	}
	refused, status := follow()
	_ = refused.Body.Close() // the status says it
	require.Equal(u, http.StatusTooManyRequests, status)
	require.Greater(u, api.Files(), before+len(all)/2, "they have connections")
	for _, reply := range all {
		_ = reply.Body.Close() // it leaves
	}
	u.Eventually("nothing of them is left", func() bool { return api.Files() <= before+2 })
	again, status := follow()
	_ = again.Body.Close() // the status says it
	require.Equal(u, http.StatusOK, status, "the places are free")
}

// Files counts the open files of a process.
func (p *Process) Files() int {
	p.b.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	require.NoError(p.b, err)
	return len(entries)
}

// MostMemory is the most that a process has ever held, in bytes.
func (p *Process) MostMemory() int64 {
	p.b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	require.NoError(p.b, err)
	_, rest, found := strings.Cut(string(data), "VmHWM:")
	require.True(p.b, found)
	var kb int64
	_, err = fmt.Sscanf(rest, "%d kB", &kb)
	require.NoError(p.b, err)
	return kb << 10
}
