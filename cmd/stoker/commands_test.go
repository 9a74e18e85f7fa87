package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/jobs"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.looks = []string{failed}
	got := stoker(t, f.env(), "status", "api-1")
	require.Zero(t, got.code, got.stderr)
	for _, want := range []string{"Job:          api-1\n", "Outcome:      failed (application)\n", "Application:  app_1\n", "ValueError: [31mno\n", "  - row 7\n"} {
		require.Contains(t, got.stdout, want)
	}
	require.NotContains(t, got.stdout, "\x1b")
	require.Equal(t, []string{"GET /v1/jobs/api-1"}, f.seen())
	require.Contains(t, stoker(t, f.env(), "status").stderr, "stoker status takes the id of one job, got 0 words; stoker list shows the ids")
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, f.env(), "list", "--user", "ana", "--queue", "q", "--cluster", "lake", "--phase", "running", "--outcome", "none",
		"--label", "a=b", "--since", "2026-01-31T12:00:00Z", "--limit", "2")
	require.Zero(t, got.code, got.stderr)
	require.Regexp(t, `^ID +NAME +USER +CLUSTER +STATE +SUBMITTED +TOOK\napi-0 +a job +ana +lake +running +\S+ \S+ +\S+\napi-1 +a job .*\n$`, got.stdout)
	require.Equal(t, "warning: lake is away\nthere are more jobs; --limit N or --all lists them\n", got.stderr)
	require.Equal(t, []string{
		"GET /v1/jobs?cluster=lake&label=a%3Db&limit=2&outcome=none&phase=running&queue=q&since=2026-01-31T12%3A00%3A00Z&user=ana",
		"GET /v1/jobs?cluster=lake&cursor=1&label=a%3Db&limit=1&outcome=none&phase=running&queue=q&since=2026-01-31T12%3A00%3A00Z&user=ana",
	}, f.seen())

	got = stoker(t, f.env(), "list", "--all", "-o", "json")
	require.Zero(t, got.code)
	require.JSONEq(t, `{"jobs":[`+aJob("api-0", running)+`,`+aJob("api-1", running)+`,`+aJob("api-2", running)+`],"warnings":["lake is away"]}`, got.stdout)

	require.Contains(t, stoker(t, f.env(), "list", "--since", "yesterday").stderr, "--since must be such as 90m, 24h, 7d")
	require.Contains(t, stoker(t, f.env(), "list", "--limit", "0").stderr, "--limit must be at least 1")
}

func TestAListThatGoesRoundInCirclesEnds(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.override = func(w http.ResponseWriter, _ *http.Request) bool {
		answer(w, 200, "application/json", `{"jobs":[],"next":"same"}`)
		return true
	}
	got := stoker(t, f.env(), "list", "--all")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "the server does not go on")
}

func TestTimeFlag(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "24h": now.Add(-24 * time.Hour), "7d": now.AddDate(0, 0, -7), "90m": now.Add(-90 * time.Minute),
		"2026-01-02": time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), "2026-01-02 03:04:05": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	} {
		got, err := timeFlag("since", text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	_, err := timeFlag("since", "-5m", now)
	require.ErrorContains(t, err, "--since must be")
}

func TestLogsAreBytesAsTheyAre(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	var long bytes.Buffer
	for i := range 200_000 {
		long.WriteString(strconv.Itoa(i) + "\x00\xff\r\n")
	}
	f.logs = map[string]string{"stdout": long.String(), "stderr": "a\nb\nlast"}
	f.looks = []string{succeeded}
	got := stoker(t, f.env(), "logs", "api-1", "--attempt", "2")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, long.String(), got.stdout)
	require.Empty(t, got.stderr)
	require.Equal(t, []string{"GET /v1/jobs/api-1/logs?attempt=2&offset=0&stream=stdout"}, f.seen())
	for n, want := range map[string]string{"0": "", "1": "last", "2": "b\nlast", "3": "a\nb\nlast", "9": "a\nb\nlast"} {
		for _, follow := range []string{"--follow=false", "-f"} {
			require.Equal(t, want, stoker(t, f.env(), "logs", "api-1", "--stream", "stderr", "--tail", n, follow).stdout, "%s %s", n, follow)
		}
	}
	tail := stoker(t, f.env(), "logs", "api-1", "--tail", "150000").stdout
	require.Equal(t, 150_000, strings.Count(tail, "\n"))
	require.True(t, strings.HasPrefix(tail, "50000\x00"))

	require.Contains(t, stoker(t, f.env(), "logs", "api-1", "--attempt", "0").stderr, "--attempt counts from 1")
	require.Contains(t, stoker(t, f.env(), "logs", "api-1", "--tail", "-5").stderr, "--tail must be a number of lines")
}

// All texts and bytes in a row are the log, whatever it holds.
func TestLogsAsJSONLines(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	euros := strings.Repeat("€", 100_000)
	f.logs["stdout"] = "one\n\n<&>\u2028\x00\n\xff\xfe\n" + euros + "\n" + strings.Repeat("\x80", 70_000) + "end"
	read := func(args ...string) (lines []logLine, log string) {
		got := stoker(t, f.env(), append([]string{"logs", "api-1", "-o", "json"}, args...)...)
		require.Zero(t, got.code, got.stderr)
		for text := range strings.Lines(got.stdout) {
			var line logLine
			decoder := json.NewDecoder(strings.NewReader(text))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(&line), text)
			require.Equal(t, "stdout", line.Stream)
			require.Equal(t, line.Text == "", line.Bytes != nil, "one of them")
			require.LessOrEqual(t, len(line.Text)+len(line.Bytes), mostText)
			if len(lines) > 0 {
				require.Equal(t, lines[0].Offset+int64(len(log)), line.Offset)
			}
			log += line.Text + string(line.Bytes)
			lines = append(lines, line)
		}
		return lines, log
	}
	f.looks = []string{succeeded}
	lines, log := read()
	require.Equal(t, f.logs["stdout"], log)
	require.Equal(t, logLine{Stream: "stdout", Text: "one\n"}, lines[0])
	require.Equal(t, logLine{Stream: "stdout", Offset: 4, Text: "\n"}, lines[1])
	require.Equal(t, []byte("\xff\xfe\n"), lines[3].Bytes)
	for _, part := range lines[4:9] {
		require.Empty(t, part.Bytes, "no character is cut in two")
	}
	for _, follow := range []string{"--follow=false", "-f"} {
		lines, log = read("--tail", "1", follow)
		require.Equal(t, strings.Repeat("\x80", 70_000)+"end", log)
		require.Equal(t, len(f.logs["stdout"])-70_003, int(lines[0].Offset))
		lines, _ = read("--tail", "0", follow)
		require.Empty(t, lines)
	}
}

// A line that does not end takes no more memory than its parts.
func TestALongLineIsNotKept(t *testing.T) {
	t.Parallel()
	lines := &logLines{out: io.Discard, stream: "stdout"}
	block := bytes.Repeat([]byte("x"), 1<<20)
	for range 50 {
		_, err := lines.Write(block)
		require.NoError(t, err)
		require.LessOrEqual(t, cap(lines.rest), 4*mostText)
	}
	require.NoError(t, lines.Close())
	require.Equal(t, int64(50<<20), lines.offset)
}

func TestALogThatIsFollowedGoesOnAfterABreak(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	text := strings.Repeat("0123456789", 10_000)
	f.logs["stdout"] = text
	f.looks = []string{succeeded}
	breaks := 0
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/logs") {
			return false
		}
		if breaks++; breaks > 3 {
			return false
		}
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset")) // the client's own
		w.Header().Set("Stoker-Log-Offset", strconv.Itoa(offset))
		answer(w, 200, "application/octet-stream", text[offset:offset+12_345])
		_ = http.NewResponseController(w).Flush() // the test sees what comes
		panic(http.ErrAbortHandler)
	}
	got := stoker(t, f.env(), "logs", "-f", "api-1")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, text, got.stdout)
	breaks = 0
	got = stoker(t, f.env(), "logs", "-f", "api-1", "-o", "json")
	require.Zero(t, got.code, got.stderr)
	require.JSONEq(t, `{"stream":"stdout","offset":0,"text":"`+text[:mostText]+`"}`, strings.SplitN(got.stdout, "\n", 2)[0])
}

// Who follows a job sees every attempt from the one on that runs; who has named one, that.
func TestTheNextAttemptIsFollowed(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/logs") {
			f.logs["stdout"] = "attempt " + r.URL.Query().Get("attempt") + "\n"
		}
		return false
	}
	looks := []string{running + `,"attempt":2`, running + `,"attempt":2`, running + `,"attempt":3`, succeeded + `,"attempt":3`}
	f.looks = looks
	got := stoker(t, f.env(), "logs", "-f", "api-1")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "attempt 2\nattempt 3\n", got.stdout)
	require.Equal(t, "note: attempt 2 has ended; attempt 3 follows\n", got.stderr)

	f.looks = looks
	got = stoker(t, f.env(), "logs", "-f", "api-1", "-o", "json", "--tail", "1")
	lines := strings.SplitAfter(got.stdout, "\n")
	require.Len(t, lines, 3)
	for i, attempt := range []string{"2", "3"} {
		require.JSONEq(t, `{"stream":"stdout","attempt":`+attempt+`,"offset":0,"text":"attempt `+attempt+`\n"}`, lines[i])
	}

	f.looks = looks
	got = stoker(t, f.env(), "logs", "-f", "api-1", "--attempt", "2")
	require.Equal(t, "attempt 2\n", got.stdout)
	require.Empty(t, got.stderr)
	require.Contains(t, stoker(t, newFakeAPI(t).env(), "logs", "-f", "api-1").stderr, "there is no job")
}

// A log that was never saved does not keep who follows from the next attempt.
func TestTheNextAttemptIsFollowedAfterALogThatWasNeverSaved(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.override = func(w http.ResponseWriter, r *http.Request) bool {
		text := "attempt " + r.URL.Query().Get("attempt") + "\n"
		f.logs["stdout"] = text
		if text != "attempt 1\n" {
			return false
		}
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset")) // the client's own
		w.Header().Set("Stoker-Log-Offset", strconv.Itoa(offset))
		answer(w, 200, "application/octet-stream", text[offset:])
		return true
	}
	f.looks = []string{running + `,"attempt":1`, running + `,"attempt":2`, running + `,"attempt":2`, succeeded + `,"attempt":2`}
	got := stoker(t, f.env(), "logs", "-f", "api-1")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "attempt 1\nattempt 2\n", got.stdout)
	require.Equal(t, "note: this log was never saved whole; what was there is above\nnote: attempt 1 has ended; attempt 2 follows\n", got.stderr)
}

// A job that nobody goes on with has no further log to wait for.
func TestTheLogOfAnAbandonedJobEnds(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.logs["stdout"] = "text\n"
	waits := running + `,"attempt":1,"waitingFor":"a slot"`
	f.looks = append(slices.Repeat([]string{waits}, 8),
		running+`,"waitingFor":"its workflow was terminated, so nobody follows it: Sweep ends it, or \"stoker admin sweep\""`)
	got := stoker(t, f.env(), "logs", "-f", "api-1")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "text\n", got.stdout)
	require.Equal(t, "note: this log is complete, job api-1 is not: it is running, waits: a slot\n"+
		"note: this log is complete, but how job api-1 ended is not known: its workflow was terminated, so nobody follows it: "+
		"Sweep ends it, or \"stoker admin sweep\"\n", got.stderr)
}

// Lines of a log say whose they are although nobody named an attempt.
func TestJSONLinesOfTheLastAttempt(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	f.logs["stdout"] = "text\n"
	f.looks = []string{succeeded + `,"attempt":3`}
	for _, args := range [][]string{nil, {"--tail", "1"}} {
		got := stoker(t, f.env(), append([]string{"logs", "api-1", "-o", "json"}, args...)...)
		require.Zero(t, got.code, got.stderr)
		require.JSONEq(t, `{"stream":"stdout","attempt":3,"offset":0,"text":"text\n"}`, got.stdout)
	}
	for _, request := range f.seen() {
		require.True(t, !strings.Contains(request, "/logs") || strings.Contains(request, "attempt=3"), request)
	}
}

func TestWordsThatHaveNoPlaceAreNamed(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"list", "clusters", "version", "doctor", "worker", "starter", "api", "admin init", "admin sweep", "context list", "runtime stage"} {
		got := stoker(t, nil, append(strings.Fields(line), "extra")...)
		require.Equal(t, 1, got.code)
		require.Equal(t, "stoker: stoker "+line+" takes no arguments, got \"extra\"; stoker "+line+" --help shows its options\n", got.stderr)
	}
	require.Contains(t, stoker(t, nil, "context", "use").stderr, "stoker context use takes the name of one context, got 0 words")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, f.env(), "cancel", "api-1", "--reason", "wrong input")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "job api-1 is being ended; stoker status api-1 shows it\n", got.stdout)
	require.JSONEq(t, `{"reason":"wrong input"}`, f.body)

	for result, code := range map[string]int{"cancelled": 0, "succeeded": 0, "lost": 1} {
		f.looks = []string{running, `"phase":"done","outcome":{"result":"` + result + `","message":"so it is"}`}
		got = stoker(t, f.env(), "cancel", "api-1", "--wait")
		require.Equal(t, code, got.code, result)
		require.Contains(t, got.stderr, "job api-1 "+result+" after")
		require.Equal(t, code == 1, strings.Contains(got.stderr, "so it is"))
	}
	f.override = func(w http.ResponseWriter, _ *http.Request) bool {
		answer(w, 200, "application/json", aJob("api-1", succeeded))
		return true
	}
	got = stoker(t, f.env(), "cancel", "api-1")
	require.Zero(t, got.code)
	require.Equal(t, "job api-1 had ended before: succeeded\n", got.stdout)
}

func TestRerunAndClusters(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, f.env(), "rerun", "api-1")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "api-1-r1\n", got.stdout)
	require.Regexp(t, `^NAME +DEFAULT +WORKERS +OPEN JOBS +DRAINED +PROFILES\nlake +yes +2 +3 +big, small\n$`, stoker(t, f.env(), "clusters").stdout)
	require.JSONEq(t, `{"clusters":[{"name":"lake","default":true,"master":"yarn","deployMode":"cluster","workers":2,"openJobs":3,"profiles":["big","small"]}]}`, stoker(t, f.env(), "clusters", "-o", "json").stdout)

	f.override = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	got = stoker(t, f.env(), "rerun", "api-1")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "whether it was done is not known; stoker list shows whether there is a new job")
}

func TestServersThatAreNone(t *testing.T) {
	t.Parallel()
	got := stoker(t, []string{"STOKER_SERVER=http://127.0.0.1:1", "STOKER_TOKEN=hush-hush"}, "list")
	require.Equal(t, 1, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "no connection to http://127.0.0.1:1: ")
	require.Contains(t, got.stderr, "start one with make run or stoker api, or choose another with stoker context use\n")
	require.NotContains(t, got.stderr, "hush-hush")

	f := newFakeAPI(t)
	for status, row := range map[int]struct{ kind, text, want string }{
		200: {"text/html", "<html>", "answered with text/html instead of JSON; see whether the address is right with stoker context list"},
		401: {"application/problem+json", `{"title":"x","detail":"a token is needed"}`, "a token is needed; give it with stoker context set NAME --token-stdin, or in STOKER_TOKEN"},
		500: {"application/problem+json", `{"title":"x","detail":"something went wrong inside","requestId":"r7"}`, "something went wrong inside (request r7)"},
	} {
		f.override = func(w http.ResponseWriter, _ *http.Request) bool {
			answer(w, status, row.kind, row.text)
			return true
		}
		got := stoker(t, append(f.env(), "STOKER_TOKEN=hush-hush"), "list", "-o", "json")
		require.Equal(t, 1, got.code)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, row.want)
		require.NotContains(t, got.stderr, "hush-hush")
	}
}

func TestUserCommandsNeedNoConfiguration(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	got := stoker(t, append(f.env(), "STOKER_CONFIG=/no/such.yaml"), "clusters")
	require.Zero(t, got.code, got.stderr)
	help := stoker(t, nil, "list", "--help").stdout
	require.NotContains(t, help, "--config")
	require.NotContains(t, help, "--log-level")
	help = stoker(t, nil, "--help").stdout
	require.Less(t, strings.Index(help, "Jobs:"), strings.Index(help, "  submit "))
	require.Less(t, strings.Index(help, "Server roles:"), strings.Index(help, "  worker "))
	require.Less(t, strings.Index(help, "Operation:"), strings.Index(help, "  doctor "))
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	for line, want := range map[string]string{
		"status ":                         "api-0\ta job, running\n",
		"logs ":                           "api-0\ta job, running\n",
		"list --phase ":                   "loading\nreserving\n",
		"list --outcome ":                 "succeeded\nfailed\ncancelled\nlost\nnone\n",
		"submit --cluster ":               "lake\n",
		"logs api-1 --stream ":            "stdout\nstderr\n",
		"status -o ":                      "text\njson\n",
		"admin token --role ":             "user\nadmin\n",
		"status --context ":               ":4\n",
		"submit --profile ":               "big\nsmall\n",
		"submit --cluster sea --profile ": ":36\n",
		"submit --py-files=a.zip":         ":0\n",
		"submit ":                         ":0\n",
		"submit --queue ":                 ":4\n",
		"list --user ":                    ":4\n",
		"list ":                           ":4\n",
		"context set x --token-file ":     ":0\n",
		"worker --config ":                ":0\n",
	} {
		got := stoker(t, f.env(), append([]string{"__complete"}, strings.Split(line, " ")...)...)
		require.Zero(t, got.code, got.stderr)
		require.True(t, strings.HasPrefix(got.stdout, want), "%s: %q", line, got.stdout)
	}
	got := stoker(t, []string{"STOKER_SERVER=http://127.0.0.1:1"}, "__complete", "status", "")
	require.Equal(t, ":36\n", got.stdout, "a server that is away leaves the line as it is")
	require.Contains(t, stoker(t, nil, "completion", "bash").stdout, "__start_stoker")
}

// A table of jobs fits into a terminal, as far as that can be.
func TestATableOfJobsIsAsNarrowAsTheTerminal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 59, 0, time.Local)
	table := func(width int) []string {
		rows := jobRows([]client.Job{{View: jobs.View{ID: "api-key-pmdb44et6hyfiiksuwexm8rb", Name: "mön premier\x1b score", User: "local", Cluster: "local", Phase: "running", Times: jobs.Times{SubmittedAt: at}}}}, at)
		narrow(rows, width)
		var b bytes.Buffer
		require.NoError(t, printTable(&b, rows))
		return strings.Split(b.String(), "\n")
	}
	require.Contains(t, table(200)[1], "mön premier score  local  local    running  2026-01-31 12:00:59  0s")
	require.Contains(t, table(99)[1], "mön premier score  local  local    running  01-31 12:00  0s")
	require.Contains(t, table(90)[1], "mön premier…  local")
	require.Contains(t, table(20)[1], "mön pre…  local  local    running  01-31 12:00  0s")
	for width := 86; width < 200; width++ {
		for _, line := range table(width) {
			require.LessOrEqual(t, utf8.RuneCountInString(line), width, line)
		}
	}
}

func TestJobRowsOfAJobWithoutTimes(t *testing.T) {
	t.Parallel()
	rows := jobRows([]client.Job{{}}, time.Now())
	require.Equal(t, []string{"", "", "", "", "", "", ""}, rows[1])
}
