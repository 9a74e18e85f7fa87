package main

import (
	"encoding/json"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/doctor"
)

// silent accepts connections and never says a word.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() }) // the test is over
	return listener.Addr().String()
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"dead": "127.0.0.1:1", "slow": silent(t)} {
		environ := []string{"TEMPORAL_ADDRESS=" + address, "STOKER_MODELMANAGE__BASEURL=http://" + address, "TEMPORAL_API_KEY=hush-hush"}
		config := configured(t, "  lake: {type: yarn, root: /jobs, yarn: {confDirs: [/no/such/conf]}}\n")
		got := stoker(t, environ, "doctor", "-c", config, "-o", "json", "--timeout", "1s")
		require.Equal(t, 1, got.code, name)
		require.Empty(t, got.stderr, name)
		require.NotContains(t, got.stdout, "hush-hush")
		var report doctor.Report
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &report), got.stdout)
		require.False(t, report.OK)
		status := map[string]doctor.Status{}
		for _, row := range report.Rows {
			status[row.Group+"/"+row.Check] = row.Status
		}
		require.Equal(t, doctor.StatusFail, status["Temporal/server"], name)
		require.Equal(t, doctor.StatusSkip, status["Temporal/namespace"], name)
		require.Equal(t, doctor.StatusFail, status["model-manage/jobs"], name)
		require.Equal(t, doctor.StatusFail, status["cluster lake/configuration"], name)
		require.Equal(t, doctor.StatusFail, status["cluster local/spark-submit"], name)

		got = stoker(t, environ, "doctor", "-c", config, "--timeout", "1s", "--cluster", "lake")
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stdout, "\ncluster lake\n  FAIL  configuration")
		require.NotContains(t, got.stdout, "cluster local")
	}
}
