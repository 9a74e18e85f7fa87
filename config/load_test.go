package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/store"
)

const minimal = `
modelManage:
  baseUrl: http://gateway:8090
clusters:
  local:
    root: /var/lib/stoker/jobs
`

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stoker.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// withEmptyLists has the empty lists that reading makes of missing ones.
func withEmptyLists(c Config) {
	for name, cluster := range c.Clusters {
		cluster.Spark.Profiles = []options.Profile{}
		c.Clusters[name] = cluster
	}
}

// inCluster adds lines below clusters.local of minimal.
func inCluster(lines ...string) string {
	return minimal + "    " + strings.Join(lines, "\n    ") + "\n"
}

func TestLoadGivesDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, minimal), nil, nil)
	require.NoError(t, err)
	want := valid()
	withEmptyLists(want)
	require.Equal(t, want, c)
}

func TestLoadPrecedence(t *testing.T) {
	t.Parallel()
	const file = minimal + "jobs:\n  deadline: 2h\n  outageLimit: 3h\n  runLimit: 90m\nlog:\n  level: warn\n"
	environ := []string{"STOKER_JOBS__OUTAGELIMIT=4h", "STOKER_JOBS__RUNLIMIT=5h", "HOME=/root", "STOKER_LOG__LEVEL=error"}
	c, err := Load(write(t, file), environ, map[string]any{"jobs/runLimit": "6h", "log/level": "debug"})
	require.NoError(t, err)
	require.Equal(t, Default().Jobs.MaxDeadline, c.Jobs.MaxDeadline, "default")
	require.Equal(t, 2*time.Hour, c.Jobs.Deadline, "file over default")
	require.Equal(t, 4*time.Hour, c.Jobs.OutageLimit, "environment over file")
	require.Equal(t, 6*time.Hour, c.Jobs.RunLimit, "flag over environment")
	require.Equal(t, "debug", c.Log.Level)
}

func TestLoadWithoutAFile(t *testing.T) {
	t.Parallel()
	_, err := Load("", nil, nil)
	require.Contains(t, job.ProblemsOf(err), "clusters: at least one is needed")
}

func TestLoadNamesAMissingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "absent.yaml")
	_, err := Load(path, nil, nil)
	require.EqualError(t, err, "configuration file "+path+" does not exist; name one with --config")
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

func TestLoadNamesAFileThatIsNoYAML(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a: [1", "- a\n- b\n", "just words", "a: 1\na: 2\n"} {
		path := write(t, text)
		_, err := Load(path, nil, nil)
		require.ErrorContains(t, err, path, "%q", text)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%q", text)
	}
}

func TestLoadRefusesUnknownKeys(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"top":        {minimal + "modelmanage:\n  x: 1\n", []string{"modelmanage"}},
		"section":    {minimal + "jobs:\n  dedline: 1h\n", []string{"Jobs", "dedline"}},
		"cluster":    {inCluster("rooot: /x"), []string{"Clusters[local]", "rooot"}},
		"in cluster": {inCluster("local:", "  concurency: 3"), []string{"Clusters[local].Local", "concurency"}},
		"in list":    {"modelManage:\n  baseUrl: http://h:1\n  engines:\n    - {tipe: X}\n", []string{"Engines[0]", "tipe"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(write(t, row.text), nil, nil)
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			problems := job.ProblemsOf(err)
			require.Len(t, problems, 1)
			require.NotContains(t, problems[0], "\n")
			for _, part := range row.want {
				require.Contains(t, strings.ToLower(problems[0]), strings.ToLower(part))
			}
		})
	}
}

func TestLoadListsEveryProblemOfTheShape(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, minimal+"starters: {}\njobs:\n  deadline: soon\n  runLimits: 1h\nworker:\n  controlSlots: many\n"), nil, nil)
	problems := strings.Join(job.ProblemsOf(err), "\n")
	require.Len(t, job.ProblemsOf(err), 4, problems)
	for _, word := range []string{"starters", "soon", "runLimits", "controlSlots"} {
		require.Contains(t, problems, word)
	}
}

func TestLoadDurations(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, inCluster("local:", "  killGrace: 1m30s")+"starter:\n  pollInterval: 500ms\njobs:\n  runLimit: 0\n"), nil, nil)
	require.NoError(t, err)
	require.Equal(t, 90*time.Second, c.Clusters["local"].Local.KillGrace)
	require.Equal(t, 500*time.Millisecond, c.Starter.PollInterval)
	require.Zero(t, c.Jobs.RunLimit)

	// Taken as nanoseconds, every job would be past its deadline at once.
	for _, text := range []string{"3600", "1.5", "'3600'", "soon", "true"} {
		_, err := Load(write(t, minimal+"jobs:\n  deadline: "+text+"\n"), nil, nil)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), text)
		require.Len(t, job.ProblemsOf(err), 1, text)
		require.Contains(t, strings.ToLower(job.ProblemsOf(err)[0]), "deadline", text)
	}
}

// Spark's keys are full of dots, which are no levels.
func TestLoadKeepsDotsInKeys(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, inCluster(
		"spark:",
		"  master: local[2]",
		"  profile:",
		"    conf:",
		"      spark.sql.shuffle.partitions: 8",
		"      spark.ui.enabled: false",
		"      spark.app.tag: a/b",
		"    limits: {spark.executor.memory: 4g}",
		"  profiles:",
		"    - name: big",
		"      conf: {spark.executor.memory: 8g}",
		"local:",
		"  env: {A.B: c, LANG: C.UTF-8}",
	)), nil, nil)
	require.NoError(t, err)
	got := c.Clusters["local"]
	require.Equal(t, "local[2]", got.Spark.Master)
	require.Equal(t, "client", got.Spark.DeployMode, "a default beside what is given")
	require.Equal(t, map[string]string{
		"spark.sql.shuffle.partitions": "8", "spark.ui.enabled": "false", "spark.app.tag": "a/b",
	}, got.Spark.Profile.Conf)
	require.Equal(t, map[string]string{"spark.executor.memory": "4g"}, got.Spark.Profile.Limits)
	require.Equal(t, map[string]string{"spark.executor.memory": "8g"}, got.Spark.Profiles[0].Conf)
	require.Equal(t, map[string]string{"A.B": "c", "LANG": "C.UTF-8"}, got.Local.Env)
}

func TestLoadGivesEachClusterItsDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, minimal+"  edge-1:\n    root: /data/jobs\n    unverifiableInputs: allow\n    local: {concurrency: 7}\n"), nil, nil)
	require.NoError(t, err)
	want := DefaultCluster(TypeLocal)
	want.Spark.Profiles = []options.Profile{}
	want.Root, want.UnverifiableInputs, want.Local.Concurrency = "/data/jobs", store.PolicyAllow, 7
	require.Equal(t, want, c.Clusters["edge-1"])
	require.Equal(t, DefaultCluster(TypeLocal).Local, c.Clusters["local"].Local, "the other is untouched")
}

func TestLoadReplacesLists(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, "modelManage:\n  baseUrl: http://h:1\n  engines:\n    - {type: T, cluster: local}\nclusters:\n  local: {root: /jobs}\n"), nil, nil)
	require.NoError(t, err)
	require.Equal(t, []modelmanage.Engine{{Type: "T", Cluster: "local"}}, c.ModelManage.Engines)
}

func TestLoadEnvironment(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, minimal), []string{
		"STOKER_INSTALLATION=blue",
		"STOKER_MODELMANAGE__BASEURL=https://other:1",
		"STOKER_MODELMANAGE__MESSAGES__MAXLINES=30",
		"STOKER_MODELMANAGE__IFMATCH=false",
		"STOKER_CLUSTERS__LOCAL__LOCAL__CONCURRENCY=5",
		"STOKER_CLUSTERS__LOCAL__SPARK__MASTER=local[4]",
		"STOKER_WORKER__HTTPADDRESS=",
		// Not keys of ours: other programs' and flags' variables.
		"STOKER_CONFIG=/etc/stoker.yaml", "STOKER_API_SERVICE_HOST=10.0.0.1", "TEMPORAL_ADDRESS=x", "OTHER__KEY=1", "EMPTY",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, "blue", c.Installation)
	require.Equal(t, "https://other:1", c.ModelManage.BaseURL)
	require.Equal(t, 30, c.ModelManage.Messages.MaxLines)
	require.False(t, c.ModelManage.IfMatch)
	require.Equal(t, 5, c.Clusters["local"].Local.Concurrency)
	require.Equal(t, "local[4]", c.Clusters["local"].Spark.Master)
	require.Empty(t, c.Worker.HTTPAddress)
}

func TestLoadRefusesVariablesThatNameNoKey(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, minimal), []string{
		"STOKER_MODELMANAGE__BASEURI=http://h:1", "STOKER_CLUSTERS__EDGE__ROOT=/jobs", "STOKER_LOG__LEVEL=warn",
	}, nil)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Equal(t, []string{
		"environment variable STOKER_CLUSTERS__EDGE__ROOT: names no key",
		"environment variable STOKER_MODELMANAGE__BASEURI: names no key",
	}, job.ProblemsOf(err))
}

func TestLoadRefusesUnknownOverrides(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, minimal), nil, map[string]any{"log/levle": "debug"})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.Contains(t, job.ProblemsOf(err)[0], "levle")
}

func TestLoadValidates(t *testing.T) {
	t.Parallel()
	_, err := Load(write(t, minimal+"log:\n  level: loud\n  format: xml\n"), nil, nil)
	require.EqualError(t, err, "the configuration is wrong")
	require.Len(t, job.ProblemsOf(err), 2)
}

func TestFromEnvironment(t *testing.T) {
	t.Setenv("STOKER_JOBS__DEADLINE", "7h")
	c, err := FromEnvironment(write(t, minimal), map[string]any{"log/format": "json"})
	require.NoError(t, err)
	require.Equal(t, 7*time.Hour, c.Jobs.Deadline)
	require.Equal(t, "json", c.Log.Format)
}

// A file may hold anything: Load answers with a valid configuration or an
// error of bounded size.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		minimal, "", "clusters:\n", "clusters: []\n", "clusters: 5\n", "clusters:\n  local:\n", "clusters:\n  local: 3\n",
		"clusters:\n  a/b: {root: /x}\n", "clusters:\n  : {root: /x}\n", "clusters/local/root: /x\n", "modelManage: null\n",
		"jobs: {deadline: 99999999999999999999h}", "jobs: {deadline: .inf}", "1: 2\n", "? [a]\n: b\n", "&a [*a]", "~: ~",
		"clusters:\n  local: {spark: {profile: {conf: {spark.x: [1, {a: b}]}}}}", "log: {level: !!binary aGk=}", "modelManage: {engines: 7}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Load(write(t, string(data)), []string{"STOKER_LOG__LEVEL=info"}, map[string]any{"log/format": "json"})
		if err == nil {
			require.NoError(t, c.Validate())
			return
		}
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		for _, problem := range job.ProblemsOf(err) {
			require.NotEmpty(t, problem)
		}
	})
}
