package driver

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const raisedStatus = `{"version": 1, "application": "local-1", "attempt": 2, "state": "raised", "stage": "function",
 "start": "2026-01-02T03:04:05.006Z", "end": "2026-01-02T03:04:06.007Z", "function": "score",
 "errorType": "ValueError", "message": "bad \ud800 row", "traceback": "Traceback …", "later": {"x": [1]}}`

func TestParseStatus(t *testing.T) {
	t.Parallel()
	status, err := ParseStatus([]byte(raisedStatus))
	require.NoError(t, err)
	require.Equal(t, Status{
		Application: "local-1", Attempt: 2, State: StateRaised, Stage: "function",
		Start: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), End: time.Date(2026, 1, 2, 3, 4, 6, 7e6, time.UTC),
		Function: "score", ErrorType: "ValueError", Message: "bad \ufffd row", Traceback: "Traceback …",
	}, status)

	status, err = ParseStatus([]byte(`{"version":1,"state":"running","start":"soon","end":null}`))
	require.NoError(t, err)
	require.Equal(t, Status{State: StateRunning}, status)
}

// People see the excerpt, which has the model's own lines; older drivers write
// none.
func TestReportPrefersTheExcerpt(t *testing.T) {
	t.Parallel()
	require.Equal(t, "brief", Status{Traceback: "long", Excerpt: "brief"}.Report().Traceback)
	require.Equal(t, "long", Status{Traceback: "long"}.Report().Traceback)
}

func TestParseStatusRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, message string }{
		"nothing":        {"", "empty"},
		"half a file":    {raisedStatus[:100], "unexpected end"},
		"two objects":    {raisedStatus + raisedStatus, "after top-level value"},
		"no object":      {`["returned"]`, "cannot unmarshal"},
		"null":           {`null`, "version 0"},
		"other version":  {`{"version":2,"state":"returned"}`, "version 2, want 1"},
		"unknown state":  {`{"version":1,"state":"done"}`, `unknown state "done"`},
		"no state":       {`{"version":1}`, `unknown state ""`},
		"wrong type":     {`{"version":1,"state":"returned","attempt":"two"}`, "attempt"},
		"too much":       {`{"version":1,"state":"returned"}` + strings.Repeat(" ", MaxStatusBytes), "at most 65536"},
		"not JSON at al": {"\x00\xff", "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseStatus([]byte(c.data))
			require.ErrorContains(t, err, "read driver status: ")
			require.ErrorContains(t, err, c.message)
		})
	}
}

func TestParseStarted(t *testing.T) {
	t.Parallel()
	started, err := ParseStarted([]byte(`{"owner":"application_1_0001","attempt":3,"at":"2026-01-02T03:04:05.006Z"}`))
	require.NoError(t, err)
	require.Equal(t, Started{
		Owner: "application_1_0001", Attempt: 3, At: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
	}, started)
	for _, data := range []string{"", "{", `{"attempt":1}`, `{"owner":7}`} {
		_, err := ParseStarted([]byte(data))
		require.ErrorContains(t, err, "read started marker: ", "%q", data)
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(raisedStatus))
	f.Add([]byte(`{"version":1,"state":"returned"}`))
	f.Add([]byte(`{"VERSION":1,"state":"running","start":"9999-12-31T23:59:59-23:59"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		status, err := ParseStatus(data)
		if err != nil {
			require.Equal(t, Status{}, status)
			return
		}
		require.LessOrEqual(t, len(data), MaxStatusBytes)
		require.Contains(t, []State{StateRunning, StateReturned, StateRaised}, status.State)
		for _, text := range []string{status.Application, status.ErrorType, status.Message, status.Traceback} {
			require.True(t, utf8.ValidString(text))
		}
	})
}

// The two sides of the contract are written twice; this compares them.
func TestConstantsEqualPython(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]int{
		"VERSION":        Version,
		"EXIT_RETURNED":  ExitReturned,
		"EXIT_RAISED":    ExitRaised,
		"EXIT_FENCED":    ExitFenced,
		"EXIT_NO_MARKER": ExitNoMarker,
		"EXIT_NO_STATUS": ExitNoStatus,
	} {
		require.Equal(t, strconv.Itoa(value), pythonConstant(t, name), name)
	}
	limit, err := strconv.Atoi(pythonConstant(t, "MAX_STATUS"))
	require.NoError(t, err)
	require.LessOrEqual(t, limit, MaxStatusBytes)
	for _, state := range []State{StateRunning, StateReturned, StateRaised} {
		require.True(t, strings.Contains(string(Source), fmt.Sprintf(`"state": "%s", "stage"`, state)) ||
			strings.Contains(string(Source), fmt.Sprintf(`"state": "%s",`+"\n", state)), state)
	}
}

func pythonConstant(t *testing.T, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` = (\d+)\b`).FindSubmatch(Source)
	require.NotNil(t, found, name)
	return string(found[1])
}

// A job.json as Go writes it, read by the real driver, and its files read back.
func TestDriverReadsWhatGoWrites(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this host")
	}
	dir := t.TempDir()
	sources := filepath.Join(dir, "sources")
	require.NoError(t, os.MkdirAll(filepath.Join(sources, "pkg"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(sources, "pkg", "my-model.py"), []byte(`
import json
def begin(param):
    global DOCUMENT
    DOCUMENT = json.loads(param["rawJson"])
def score(external_inputs, external_outputs, external_model_assets):
    assert external_inputs == [{"fileUrl": "file:/a <b>&.csv", "size": 9007199254740993}], external_inputs
    assert external_outputs == [] and external_model_assets == []
    raise KeyError(DOCUMENT["id"])
`), 0o644))
	job := Job{
		Version: Version, JobID: "model-manage-1", Application: "local-1", Attempt: 1, Kind: "scoring",
		Model:      Model{Path: "pkg/my-model.py"},
		Init:       &Function{Name: "begin", Origin: "asset field initFunction"},
		Function:   Function{Name: "score", Origin: "conventional name"},
		Inputs:     []map[string]any{{"fileUrl": "file:/a <b>&.csv", "size": json.Number("9007199254740993")}},
		Document:   json.RawMessage(`{"id":"<é>"}`),
		Parameters: map[string]string{"days": "7"},
		StartedURL: "file:" + dir + "/started",
		StatusURL:  "file://" + dir + "/status.json",
	}
	text, err := json.Marshal(job)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "job.json"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), Source, 0o600))

	cmd := exec.CommandContext(t.Context(), python, filepath.Join(dir, FileName), filepath.Join(dir, "job.json"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+sources, "PYTHONDONTWRITEBYTECODE=1")
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", output)
	require.Equal(t, ExitRaised, exit.ExitCode(), "%s", output)

	data, err := os.ReadFile(filepath.Join(dir, "status.json"))
	require.NoError(t, err)
	status, err := ParseStatus(data)
	require.NoError(t, err)
	require.Equal(t, StateRaised, status.State)
	require.Equal(t, "function", status.Stage)
	require.Equal(t, "KeyError", status.ErrorType, status.Traceback)
	require.Equal(t, "'<é>'", status.Message)
	require.False(t, status.End.Before(status.Start) || status.Start.IsZero())

	data, err = os.ReadFile(filepath.Join(dir, "started"))
	require.NoError(t, err)
	started, err := ParseStarted(data)
	require.NoError(t, err)
	require.Equal(t, "local-1", started.Owner)
	require.Equal(t, 1, started.Attempt)
	require.False(t, started.At.IsZero())
}
