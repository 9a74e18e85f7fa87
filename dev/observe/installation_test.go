package observe

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/simulator"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark/local/localtest"
)

// patience is how long anything may take on a busy machine.
const patience = 2 * time.Minute

// secret is in what users say and send; it must not be in traces.
const secret = "hunter2"

// installation is a running one.
type installation struct {
	*stack.Stack
	client *client.Client
	// succeeded and failed are jobs of the API, registered is one of model-manage.
	succeeded, failed client.Job
	registered        string
}

// shared is an installation that tests share; its jobs have ended.
type shared struct {
	start sync.Once
	it    *installation
	dir   string
	lake  *httptest.Server
}

// lasting is a test whose directories stay until the installation stops.
type lasting struct {
	testing.TB
	dir string
}

func (l lasting) TempDir() string {
	dir, err := os.MkdirTemp(l.dir, "spark-")
	require.NoError(l, err)
	return dir
}

func (s *shared) get(t *testing.T) *installation {
	t.Helper()
	s.start.Do(func() {
		dir, err := os.MkdirTemp("", "stoker-observe-")
		require.NoError(t, err)
		s.dir, s.lake = dir, httptest.NewServer(yarnsim.New(yarnsim.Options{}))
		conf := filepath.Join(dir, "hadoop")
		require.NoError(t, os.Mkdir(conf, 0o700))
		for name, content := range map[string]string{
			"yarn-site.xml": yarnsim.Configuration(s.lake.Listener.Addr().String(), true),
			"core-site.xml": `<configuration><property><name>fs.defaultFS</name><value>file:///</value></property></configuration>`,
		} {
			require.NoError(t, os.WriteFile(filepath.Join(conf, name), []byte(content), 0o600))
		}
		s.it = start(lasting{t, dir}, filepath.Join(dir, "state"), func(c *config.Config) {
			lake := config.DefaultCluster(config.TypeYARN)
			lake.Root, lake.YARN.ConfDirs, lake.YARN.User = filepath.Join(dir, "lake"), []string{conf}, "stoker"
			c.Clusters["lake"], c.API.DefaultCluster = lake, "local"
		})
		s.it.runJobs(t)
	})
	require.NotNil(t, s.it, "the installation did not start")
	return s.it
}

func (s *shared) stop() error {
	var errs []error
	if s.it != nil {
		errs = append(errs, s.it.Stop())
	}
	if s.lake != nil {
		s.lake.Close()
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// start starts an installation with a stand-in for Spark.
func start(t testing.TB, state string, configure func(*config.Config)) *installation {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	running, err := stack.Start(context.Background(), stack.Options{
		State: state, Ports: freePorts(t), Supervisor: []string{self, "supervise"}, Logger: slog.New(slog.DiscardHandler),
		Spark: stack.Spark{Home: localtest.SparkHome(t), Python: localtest.Python(t), JavaHome: localtest.JavaHome(t)},
		Configure: func(c *config.Config) {
			c.Starter.PollInterval = 200 * time.Millisecond
			local := c.Clusters["local"]
			local.Local.Concurrency = 4 // nobody waits for room
			c.Clusters["local"] = local
			configure(c)
		},
	})
	require.NoError(t, err)
	c, err := client.New(client.Options{Server: "http://" + running.Config.API.Address, Token: secret})
	require.NoError(t, err)
	return &installation{Stack: running, client: c}
}

// runJobs runs one job of each kind of end, all at once.
func (i *installation) runJobs(t *testing.T) {
	t.Helper()
	i.registered = "registered-1"
	_, err := i.ModelManage.Create(map[string]any{
		"id": i.registered, "jobType": "MODEL_BATCH_JOB", "jobStatus": "CREATED",
		"targetEngine": map[string]any{"engineType": "SPARK_RUNTIME", "name": "spark-runtime-1"},
		"model": map[string]any{"storedModel": map[string]any{"modelAssets": []any{map[string]any{
			"assetType": "SOURCE_CODE", "name": "model.py", "sourceCodeFilePath": "model.py", "primaryModelSource": true,
			"sourceCode": "def score(inputs, outputs, assets):\n    raise ValueError('" + secret + "')\n",
		}}}},
		"jobParameters": map[string]any{"stoker.cluster": "local"},
		"inputData":     []any{}, "outputData": []any{map[string]any{"assetType": "FILE", "filename": "out.csv", "fileFormat": "CSV", "fileSize": 0}},
	})
	require.NoError(t, err)
	i.succeeded = i.submit(t, "print('done')")
	i.failed = i.submit(t, "import sys; sys.exit('"+secret+"')")
	for _, j := range []*client.Job{&i.succeeded, &i.failed} {
		*j = i.wait(t, *j)
	}
	require.Equal(t, job.ResultSucceeded, i.succeeded.Outcome.Result)
	require.Equal(t, job.ResultFailed, i.failed.Outcome.Result)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = i.ModelManage.Wait(ctx, i.registered, func(r simulator.Revision) bool { return r.Document["jobStatus"] == "ERROR" })
	require.NoError(t, err)
	workflow := job.Key{Source: job.SourceModelManage, ID: i.registered}.WorkflowID()
	require.Error(t, i.Client.GetWorkflow(ctx, workflow, "").Get(ctx, nil), "it is cleaned, too")
}

func (i *installation) submit(t *testing.T, program string) client.Job {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program.py")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
	j, _, err := i.client.Submit(t.Context(), jobspec.Spec{File: "file://" + file, Args: []string{secret}, Cluster: "local"}, client.NewKey())
	require.NoError(t, err)
	return j
}

func (i *installation) wait(t *testing.T, j client.Job) client.Job {
	t.Helper()
	require.Eventually(t, func() bool {
		now, err := i.client.Get(t.Context(), j.ID)
		if err == nil {
			j = now
		}
		return err == nil && now.Phase == job.PhaseDone
	}, patience, 50*time.Millisecond, "job %s does not end", j.ID)
	return j
}

// freePorts finds ports that nobody uses.
func freePorts(t testing.TB) stack.Ports {
	t.Helper()
	offset, err := stack.FreeOffset()
	require.NoError(t, err)
	return stack.PortsAt(offset)
}

// get reads a page of the installation.
func get(t *testing.T, url string) string {
	t.Helper()
	reply, err := http.Get(url)
	require.NoError(t, err)
	defer reply.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, reply.StatusCode)
	return string(text)
}
