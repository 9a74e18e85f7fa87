package faults

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

// simulator sends a request to the simulator, which must take it.
func (b *bench) simulator(method, path string, body any) []byte {
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

// faults sets the rules in force; none takes them away.
func (b *bench) faults(rules ...simulator.Fault) {
	b.Helper()
	if rules == nil {
		rules = []simulator.Fault{}
	}
	b.simulator("PUT", "/sim/faults", rules)
}

// applied is how often the rules in force were.
func (b *bench) applied() int {
	b.Helper()
	var rules []simulator.Fault
	require.NoError(b, json.Unmarshal(b.simulator("GET", "/sim/faults", nil), &rules))
	total := 0
	for _, rule := range rules {
		total += rule.Applied
	}
	return total
}

// cancelDocument is what a person does at model-manage.
func (j *given) cancelDocument() {
	j.b.Helper()
	j.b.simulator("PATCH", "/model-manage/api/jobs/"+j.id, object{"jobStatus": "CANCELLED"})
}
