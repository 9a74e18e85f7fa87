package logs

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLists(t *testing.T) {
	t.Parallel()
	const one, two = "container_e01_1795248734839_0003_01_000001", "container_e01_1795248734839_0003_02_000001"
	for _, file := range []string{"one-3.4.json", "several-3.4.json", "repeated.json", "one-3.5.json", "several-3.5.json"} {
		text, err := os.ReadFile("testdata/" + file)
		require.NoError(t, err)
		l, err := parseList(text)
		require.NoError(t, err, file)
		sizes, err := l.of(two, "AGGREGATED", "stdout")
		require.NoError(t, err, file)
		require.Equal(t, []int64{20}, sizes, file)
		_, err = l.of(two, "LOCAL", "stdout")
		require.ErrorIs(t, err, errUnknown, file)
		_, err = l.of(two, "AGGREGATED", "other")
		var absent *absentError
		require.ErrorAs(t, err, &absent, file)
		require.Contains(t, absent.streams, "prelaunch.err", file)
		if !strings.HasPrefix(file, "one") {
			sizes, err = l.of(one, "AGGREGATED", "stderr")
			require.NoError(t, err, file)
			require.Equal(t, []int64{4}, sizes, file)
		}
	}
	for text, want := range map[string]string{
		`{}`:                         "other than a list",
		`[]`:                         "other than a list",
		`{"containerLogsInfo":null}`: "",
		`{"containerLogsInfo":{}}`:   "",
		`{"containerLogsInfo":7}`:    "other than a list",
		`<html>`:                     "other than a list",
		``:                           "other than a list",
		`{"containerLogsInfo":{"containerId":"c","logAggregationType":"LOCAL","containerLogInfo":{"fileName":"stdout","fileSize":"1 kB"}}}`: "without sizes",
	} {
		l, err := parseList([]byte(text))
		if err == nil {
			_, err = l.of("c", "LOCAL", "stdout")
		}
		if want == "" {
			require.ErrorIs(t, err, errUnknown, text)
		} else {
			require.ErrorContains(t, err, want, text)
		}
	}
	l, err := parseList([]byte(`{"containerLogsInfo":{"containerId":"c","logAggregationType":"LOCAL","containerLogInfo":{"fileName":"stdout","fileSize":"12"}}}`))
	require.NoError(t, err)
	sizes, err := l.of("c", "LOCAL", "stdout")
	require.NoError(t, err)
	require.Equal(t, []int64{12}, sizes, "one without an array")
}

func FuzzList(f *testing.F) {
	for _, file := range []string{"several-3.4.json", "repeated.json", "several-3.5.json"} {
		f.Add(golden(f, "testdata/"+file))
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		if l, err := parseList(text); err == nil {
			_, _ = l.of("container_e01_1795248734839_0003_01_000001", "AGGREGATED", "stdout") // must not panic
		}
	})
}
