package faults

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// The secrets that are planted, by where.
const (
	secretOAuth    = "planted-oauth-k3Vw9"
	secretTemporal = "planted-temporal-Zq81x"
	secretCloud    = "planted-cloud-77hRt"
	secretToken    = "planted-token-m2Lp0"
	secretConf     = "planted-conf-Xy5Tg"
)

func secrets() []string {
	return []string{secretOAuth, secretTemporal, secretCloud, secretToken, secretConf}
}

// environmentModel tells everything of its environment but the variable in which
// the stand-in for Spark hands on the conf, and whether the secret arrived there.
const environmentModel = `
import json
fake = json.loads(os.environ["FAKE_SPARK"])
assert fake["conf"]["spark.my.password"] == "planted-" + "conf-Xy5Tg", "the secret did not arrive"
assert not any("planted" in a for a in fake["argv"]), "the secret is in the command line"
told = "\n".join("%s=%s" % pair for pair in sorted(os.environ.items()) if pair[0] != "FAKE_SPARK")
print(told)
write(told)
with open(BASE + ".env", "w") as f:
    f.write(told)
`

// No secret of the installation reaches a model, a history, a document, a log or
// a file that is kept.
func TestSecrets(t *testing.T) {
	bench.Long(t)
	vault := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(vault, "db"), []byte(secretConf+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(vault, "token"), []byte(secretToken+"\n"), 0o600))
	b := newBench(t, bench.Setting{
		Configure: func(c *config.Config) {
			cluster := c.Clusters["local"]
			cluster.Local.SecretsDir = vault
			c.Clusters["local"] = cluster
		},
		Keys: map[string]any{
			"modelManage/tokenFile":                filepath.Join(vault, "token"),
			"modelManage/messages/stderr":          "tail",
			"clusters/local/spark/profile/secrets": []string{"db"},
		},
	})
	parameters := bench.Object{"spark.my.password": "secret:db"}
	good := b.Create(environmentModel, parameters)
	bad := b.Create(environmentModel+raising, parameters)
	refused := b.Create(environmentModel, bench.Object{"spark.my.password": "secret:token"})
	b.Simulator("PUT", "/sim/token", bench.Object{"token": secretToken})
	planted := []string{
		"OAUTH_CLIENT_SECRET=" + secretOAuth, "TEMPORAL_API_KEY=" + secretTemporal, "TEMPORAL_TLS=false",
		"AWS_SECRET_ACCESS_KEY=" + secretCloud, "STOKER_OAUTH=" + secretOAuth,
		"HTTPS_PROXY=http://user:" + secretOAuth + "@127.0.0.1:1",
		"JAVA_TOOL_OPTIONS=-Dpassword=" + secretCloud,
	}
	b.WorkerWith(planted, "--log-level", "debug")
	s := b.Start("starter", "stoker", planted, "starter", "--config", b.ConfigFile, "--log-level", "debug")
	s.Says("starter started")
	good.Ends(bench.Complete)
	bad.Ends(bench.Failed)
	require.Contains(t, bad.Messages(), "ValueError")
	refused.Reaches("ERROR")
	require.Empty(t, refused.Starts())

	for _, j := range []*bench.Job{good, bad} {
		told, err := os.ReadFile(filepath.Join(b.Scratch, j.ID+".env"))
		require.NoError(t, err)
		for _, line := range strings.Split(string(told), "\n") {
			name, _, _ := strings.Cut(line, "=")
			require.False(t, strings.HasPrefix(name, "TEMPORAL_"), line)
			// The mark by which its processes are found is all it gets of Stoker.
			require.False(t, strings.HasPrefix(name, "STOKER_") && name != "STOKER_APPLICATION", line)
		}
	}
	for _, text := range histories(b) {
		requireNoSecret(t, "a history", []byte(text))
	}
	for _, j := range b.Jobs {
		requireNoSecret(t, "the revisions of "+j.ID, b.Simulator("GET", "/sim/jobs/"+j.ID+"/revisions", nil))
	}
	// Logs, the model's own words, the journal, Temporal's database.
	require.NoError(t, filepath.WalkDir(b.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // gone since
		}
		data, err := os.ReadFile(path)
		if err == nil {
			requireNoSecret(t, path, data)
		}
		return nil
	}))
}

func requireNoSecret(t *testing.T, what string, data []byte) {
	t.Helper()
	for _, secret := range secrets() {
		require.False(t, bytes.Contains(data, []byte(secret)), "%s holds %s", what, secret)
	}
}

// histories of all workflows, as text with the payloads readable.
func histories(b *bench.Bench) []string {
	b.Helper()
	list, err := b.Client.ListWorkflow(b.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
	require.NoError(b, err)
	require.Len(b, list.GetExecutions(), len(b.Jobs)+1, "the jobs and the cluster watch")
	var texts []string
	for _, execution := range list.GetExecutions() {
		events := b.Client.GetWorkflowHistory(b.Context(), execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId(),
			false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(b, err)
			texts = append(texts, event.String())
		}
	}
	return texts
}
