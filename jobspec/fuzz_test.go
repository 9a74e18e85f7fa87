package jobspec_test

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark/options"
)

// FuzzConvert: nothing that comes in makes a panic, and whatever is accepted keeps the
// rules, as somebody reads them who has not seen the code.
func FuzzConvert(f *testing.F) {
	f.Add([]byte(`{"file":"artifact:`+digest+`/job.py","conf":{"spark.executor.memory":"1g"},"labels":{"a":"b"}}`), true)
	f.Add([]byte(`{"file":"/data/x.jar","className":"a.B","resources":{"driverCores":1},"secretConf":{"spark.token":"x"}}`), true)
	f.Add([]byte(`{"file":"local:/data/../x.py","files":["file:/database/x#y"],"timeouts":{"run":"1h"}}`), true)
	f.Add([]byte(`{"file":"hdfs:/x.py","retry":{"infrastructureRetries":1},"profile":"capped","queue":"q","name":"n"}`), false)
	f.Fuzz(func(t *testing.T, body []byte, host bool) {
		cluster := "lake"
		if host {
			cluster = "laptop"
		}
		_ = jobspec.Digest(body)
		spec, err := jobspec.Parse(body)
		if err == nil {
			var converted job.Spec
			var manifest job.Manifest
			converted, manifest, err = jobspec.Convert(spec, "ana", cluster, rules())
			if err == nil {
				requireLawful(t, converted, manifest, host)
				return
			}
		}
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.NotEmpty(t, job.ProblemsOf(err))
		for _, p := range job.ProblemsOf(err) {
			require.True(t, utf8.ValidString(p))
			require.Contains(t, p, ": ")
			require.LessOrEqual(t, len(p), 1000)
		}
	})
}

// requireLawful checks a job that was accepted.
func requireLawful(t require.TestingT, spec job.Spec, m job.Manifest, host bool) {
	for key, value := range m.Options.Conf {
		verdict := options.RuleFor(key).Verdict
		require.Contains(t, []options.Verdict{options.Pass, options.User, options.Map, options.Archived}, verdict, key)
		require.True(t, verdict != options.Archived || strings.HasPrefix(value, "./"), key)
		require.True(t, strings.HasPrefix(key, "spark."), key)
		require.NotContains(t, value, "\n")
		if options.Redacted(key) {
			_, isReference := options.SecretName(value)
			require.True(t, isReference, key)
		}
	}
	require.Empty(t, m.Options.Args)
	files := append([]string{m.Program.Main}, m.Program.PyFiles...)
	files = append(append(files, m.Program.Jars...), append(m.Program.Files, m.Program.Archives...)...)
	for _, file := range files {
		location, _, _ := strings.Cut(file, "#")
		require.NotContains(t, "/"+location+"/", "/../")
		if _, _, uploaded := jobspec.CutArtifact(file); uploaded || !host {
			continue
		}
		scheme, rest, found := strings.Cut(location, ":")
		if !found {
			rest = location
		} else if s := strings.ToLower(scheme); s != "file" && s != "local" && s != "hdfs" {
			continue
		}
		if strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
			continue // another host's
		}
		p := path.Clean("/" + rest)
		require.True(t, p == "/data" || strings.HasPrefix(p, "/data/") || p == "/srv/jobs" || strings.HasPrefix(p, "/srv/jobs/"), file)
	}
	require.NotEmpty(t, strings.TrimSpace(spec.Name))
	require.LessOrEqual(t, len(spec.Name), 200)
	require.LessOrEqual(t, len(spec.Queue), 200)
	require.Positive(t, spec.Deadline)
	require.LessOrEqual(t, spec.Deadline, rules().MaxDeadline)
	require.LessOrEqual(t, spec.RunLimit, rules().RunLimit)
	require.Contains(t, []job.Kind{job.KindPySpark, job.KindJAR}, spec.Kind)
	require.LessOrEqual(t, len(spec.Labels), 16)
}

// Specs that are put together from words that have a meaning somewhere come further
// than those of a fuzzer.
func TestAnySpecIsRefusedOrLawful(t *testing.T) {
	t.Parallel()
	words := []string{
		"", " ", "/", "..", "/data", "/data/x.py", "file:/data/x.jar", "local:", "local:/etc/x.py", "hdfs:///srv/jobs/x.py", "#a", "%2e%2e",
		"spark.", "spark.x", "spark.plugins", "spark.executor.memory", "Spark.Files", "spark.app.name", "secret:", "secret:x", "token",
		"1g", "-1", "${env:X}", "=", ",", "*", "\n", "é", "artifact:" + digest + "/x.py", "artifact:", ".py", "a", "1h",
	}
	accepted := 0
	word := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 2).Draw(t, "words"), "")
	})
	some := rapid.SliceOfN(word, 0, 2)
	few := rapid.MapOfN(word, word, 0, 2)
	rapid.Check(t, func(t *rapid.T) {
		spec := jobspec.Spec{
			File: rapid.SampledFrom([]string{"/data/a.py", "hdfs:/data/b.jar", ""}).Draw(t, "file") + rapid.SampledFrom([]string{"", "", "#x.py"}).Draw(t, "end"),
			Args: some.Draw(t, "args"), Conf: few.Draw(t, "conf"), Files: some.Draw(t, "files"), Name: rapid.SampledFrom(words).Draw(t, "name"),
			Queue: rapid.SampledFrom(words).Draw(t, "queue"),
		}
		if rapid.Bool().Draw(t, "poor") {
			spec.Files, spec.Conf = nil, nil
		}
		host := rapid.Bool().Draw(t, "host")
		cluster := map[bool]string{true: "laptop", false: "lake"}[host]
		converted, manifest, err := jobspec.Convert(spec, "ana", cluster, rules())
		if err == nil {
			accepted++
			requireLawful(t, converted, manifest, host)
		}
	})
	require.Positive(t, accepted)
}
