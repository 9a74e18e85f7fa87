package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/simulator"
)

// Simulator sends a request to the simulator, which must take it.
func (b *Bench) Simulator(method, path string, body any) []byte {
	b.Helper()
	var data []byte
	if body != nil {
		var err error
		data, err = json.Marshal(body)
		require.NoError(b, err)
	}
	request, err := http.NewRequestWithContext(b.Context(), method,
		fmt.Sprintf("http://127.0.0.1:%d%s", b.ports.ModelManage, path), bytes.NewReader(data))
	require.NoError(b, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	reply, err := (&http.Client{Timeout: 30 * time.Second}).Do(request)
	require.NoError(b, err)
	defer func() { _ = reply.Body.Close() }() // only read
	answer, err := io.ReadAll(reply.Body)
	require.NoError(b, err)
	require.Less(b, reply.StatusCode, 300, "%s %s: %s", method, path, answer)
	return answer
}

// Faults sets the rules in force; none takes them away.
func (b *Bench) Faults(rules ...simulator.Fault) {
	b.Helper()
	if rules == nil {
		rules = []simulator.Fault{}
	}
	b.Simulator("PUT", "/sim/faults", rules)
}

// Applied is how often the rules in force were.
func (b *Bench) Applied() int {
	b.Helper()
	var rules []simulator.Fault
	require.NoError(b, json.Unmarshal(b.Simulator("GET", "/sim/faults", nil), &rules))
	total := 0
	for _, rule := range rules {
		total += rule.Applied
	}
	return total
}

// CancelDocument is what a person does at model-manage.
func (j *Job) CancelDocument() {
	j.Bench.Helper()
	j.Bench.Simulator("PATCH", "/model-manage/api/jobs/"+j.ID, Object{"jobStatus": "CANCELLED"})
}
