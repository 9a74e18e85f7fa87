package jobspec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

func ref(spec string) job.Ref {
	return job.Ref{ID: "1", Request: &job.Request{Spec: []byte(spec), User: "ana", Cluster: "lake", Digest: "d"}}
}

func TestSource(t *testing.T) {
	t.Parallel()
	source := jobspec.NewSource(rules())
	manifest, intake, err := source.Manifest(t.Context(), ref(`{"file":"hdfs:/job.py","cluster":"laptop"}`))
	require.NoError(t, err)
	require.Equal(t, "hdfs:/job.py", manifest.Program.Main)
	require.Empty(t, intake.Problems)
	require.Equal(t, "d", intake.Digest, "the digest of the body as it came: what is stored is spelt another way")
	require.Equal(t, job.StandingOpen, intake.Standing.State)
	require.Equal(t, "lake", intake.Spec.Cluster, "the choice that was recorded stands")
	require.Equal(t, "ana", intake.Spec.User)

	loaded, err := source.Load(t.Context(), ref(`{"file":"hdfs:/job.py","cluster":"laptop"}`))
	require.NoError(t, err)
	require.Equal(t, intake, loaded)

	standing, err := source.Report(t.Context(), "1", job.Report{})
	require.NoError(t, err)
	require.Equal(t, job.Standing{State: job.StandingOpen}, standing)
	stdout, stderr := source.LogLimits()
	require.Zero(t, stdout)
	require.Zero(t, stderr)
}

// What is wrong with a job is told as its problems: an error would be tried again.
func TestSourceOfAnInvalidJob(t *testing.T) {
	t.Parallel()
	source := jobspec.NewSource(rules())
	for _, body := range []string{`{"file":1}`, `{"file":"x"}`, `[]`, ``} {
		manifest, intake, err := source.Manifest(t.Context(), ref(body))
		require.NoError(t, err)
		require.NotEmpty(t, intake.Problems, body)
		require.Nil(t, manifest.Program, body)
		require.Equal(t, job.StandingOpen, intake.Standing.State)
	}
	_, err := source.Load(t.Context(), job.Ref{ID: "1"})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	a, err := jobspec.ParseArtifact(digest + "/my-job_1.py")
	require.NoError(t, err)
	require.Equal(t, jobspec.Artifact{SHA256: digest, Name: "my-job_1.py"}, a)
	require.Equal(t, "artifact:"+digest+"/my-job_1.py", a.String())
	require.Equal(t, "/up/"+digest+"/my-job_1.py", a.Path("/up"))

	for _, wrong := range []string{
		"", digest, digest + "/", digest + "/.", digest + "/..", digest + "/a/b", digest + "/a b", digest + "/a,b", digest + "/a#b",
		digest + "/%2e%2e", digest + "/a\n", digest + "/\xff", digest[1:] + "/a", "../" + digest + "/a", digest + "a/a",
	} {
		_, err := jobspec.ParseArtifact(wrong)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), wrong)
	}

	got, alias, ok := jobspec.CutArtifact(a.String() + "#x.py")
	require.True(t, ok)
	require.Equal(t, a, got)
	require.Equal(t, "x.py", alias)
	for _, other := range []string{"hdfs:/x", "artifact:x/y", "/artifact:" + digest + "/x"} {
		_, _, ok = jobspec.CutArtifact(other)
		require.False(t, ok, other)
	}
}

// A request by itself says what lists show of its job, as Convert does later.
func TestHeaderNames(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`{"file":"hdfs:/report.jar","className":"org.example.Report"}`:               "org.example.Report",
		`{"file":"hdfs:/report.jar"}`:                                                "report.jar",
		`{"file":"hdfs:/report.py"}`:                                                 "report.py",
		`{"file":"hdfs:/report.py","name":"a"}`:                                      "a",
		`{"file":"hdfs:/report.py","conf":{"spark.app.name":" b "}}`:                 "b",
		`{"file":"hdfs:/report.jar","className":"` + strings.Repeat("a", 300) + `"}`: strings.Repeat("a", 197) + "…",
	} {
		require.Equal(t, want, jobspec.Header(job.Request{Spec: []byte(request)}).Name)
	}
}
