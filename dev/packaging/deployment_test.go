package packaging

import (
	"cmp"
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/samples"
	"github.com/stoker-spark/stoker/dev/simulator"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/store/file"
)

// docker-compose.yml, started from nothing by the commands in its head, runs a
// PySpark program that is submitted to the API and a job of model-manage.
func TestDeployment(t *testing.T) {
	dir := shortDir(t)
	sim, url, token := modelManage(t, dir)
	mine := filepath.Join(dir, "checkout")
	checkout(t, mine)
	project := load(t, mine, "COMPOSE_PROFILES=model-manage", "MODEL_MANAGE_URL="+url, "MODEL_MANAGE_TOKEN_FILE="+token)
	w := newWorld(t, project, dir)
	require.NoError(t, os.MkdirAll(filepath.Join(mine, "bin"), 0o700))
	require.NoError(t, os.Symlink(builtBinary(t), filepath.Join(mine, "bin", "stoker")))
	w.shell(mine, strings.ReplaceAll(makesToken(t), "127.0.0.1:8998", w.at("8998")))

	for _, name := range []string{"worker", "starter", "api"} {
		w.up(name)
	}
	w.awaitHealthy("worker")
	w.awaitHealthy("starter")
	w.awaitHealthy("api")
	require.Contains(t, w.processes["init"].said(), "namespace default: registered")

	sample := scoring(t, dir)
	_, err := sim.Create(sample.Document)
	require.NoError(t, err)
	id := strings.TrimSpace(w.shell(mine, "bin/stoker submit --wait --files README.md#text dev/samples/jobs/wordcount.py text 3"))
	require.Equal(t, mostFrequent(contentOf(t, "README.md"), 3), strings.Fields(w.shell(mine, "bin/stoker logs --follow "+id)))
	require.Contains(t, w.shell(mine, "bin/stoker status "+id), "succeeded")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended, err := sim.Wait(ctx, sample.ID(), func(r simulator.Revision) bool {
		status, _ := r.Document["jobStatus"].(string)
		return modelmanage.Status(status).Terminal()
	})
	require.NoError(t, err)
	require.Equal(t, sample.Status, ended.Document["jobStatus"], "%v", ended.Document["jobMessages"])
	require.NoError(t, sample.Check(ended.Document))

	w.down("api", "starter", "worker", "temporal")
	secret, err := os.ReadFile(token)
	require.NoError(t, err)
	for name, p := range w.processes {
		if p != nil {
			require.NotContains(t, p.said(), strings.TrimSpace(string(secret)), name)
		}
	}
}

// shortDir is a directory without characters that mean something to Spark.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "stoker-packaging-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the state is kept in %s", dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return dir
}

// modelManage is a model-manage that asks for a token, and a file that holds it.
func modelManage(t testing.TB, dir string) (sim *simulator.Server, url, token string) {
	t.Helper()
	sim, err := simulator.New(simulator.Options{})
	require.NoError(t, err)
	sim.SetToken("the-token-of-model-manage")
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	token = filepath.Join(dir, "model-manage-token")
	require.NoError(t, os.WriteFile(token, []byte("the-token-of-model-manage\n"), 0o600))
	return sim, server.URL, token
}

func scoring(t testing.TB, dir string) samples.Sample {
	t.Helper()
	all, err := samples.All(t.Context(), "packaging", file.New(file.Options{DirMode: 0o700}), filepath.Join(dir, "samples"))
	require.NoError(t, err)
	return all[slices.IndexFunc(all, func(s samples.Sample) bool { return strings.Contains(s.Name, "embedded CSV") })]
}

// makesToken is the commands in the head of docker-compose.yml that make a user of
// the API.
func makesToken(t testing.TB) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)#   make bin/stoker\n(.*?)#   docker compose up -d --wait\n`).FindStringSubmatch(contentOf(t, "docker-compose.yml"))
	require.Len(t, found, 2)
	return strings.ReplaceAll(found[1], "#  ", "")
}

var letters = regexp.MustCompile(`[a-z]+`)

// mostFrequent is what wordcount.py prints, in words.
func mostFrequent(text string, most int) []string {
	counts := map[string]int{}
	for _, word := range letters.FindAllString(strings.ToLower(text), -1) {
		counts[word]++
	}
	return topWords(counts, most)
}

func topWords(counts map[string]int, most int) []string {
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var top []string
	for _, word := range words[:most] {
		top = append(top, strconv.Itoa(counts[word]), word)
	}
	return top
}
