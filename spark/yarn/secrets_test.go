package yarn

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

// elsewhere is a directory that says it is HDFS.
type elsewhere struct{ store.Store }

func (elsewhere) URL(path string) string { return "hdfs://nn:9000" + path }

// site is a builder over directories.
type site struct {
	*testing.T
	options BuilderOptions
	dir     string
	request Request
	secrets string
}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	root := t.TempDir()
	s := &site{T: t, dir: filepath.Join(root, "job"), secrets: filepath.Join(root, "secrets")}
	conf := filepath.Join(root, "conf")
	s.write(filepath.Join(conf, "core-site.xml"), `<configuration><property><name>fs.defaultFS</name><value>hdfs://nn:9000</value></property></configuration>`)
	runtimes := filepath.Join(root, "runtimes")
	for _, name := range []string{"libs.zip", "pyspark.zip", "py4j-src.zip"} {
		s.write(filepath.Join(runtimes, name), name)
	}
	s.write(filepath.Join(runtimes, "3.5.json"), `{"sparkVersion":"3.5.9","archive":{"path":"`+runtimes+`/libs.zip"},`+
		`"pyspark":{"path":"`+runtimes+`/pyspark.zip"},"py4j":{"path":"`+runtimes+`/py4j-src.zip"}}`)
	s.write(filepath.Join(s.dir, "main.py"), "pass")
	s.write(filepath.Join(s.secrets, "db"), "hunter2\n")
	configuration, err := hadoop.Load(conf)
	require.NoError(t, err)
	s.options = BuilderOptions{
		Store: elsewhere{file.New(file.Options{DirMode: modeDir})}, Configuration: configuration, ConfDirs: []string{conf},
		Settings: Settings{SparkVersion: "3.5", Runtimes: runtimes, JavaMajor: 17, SecretsDir: s.secrets},
	}
	s.request = Request{
		Application: "application_1795245848458_0001", Dir: s.dir, User: "ann", At: time.Unix(1795245848, 0),
		Launch: spark.Launch{Name: "a job", Main: "main.py", Options: job.Options{Conf: map[string]string{
			"spark.my.password": "secret:db", "spark.hadoop.fs.s3a.secret.key": "secret:db", "spark.plain": "secret",
		}}},
	}
	return s
}

func (s *site) write(name, text string) {
	s.Helper()
	require.NoError(s, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(s, os.WriteFile(name, []byte(text), 0o600))
}

// build returns the request as it is sent.
func (s *site) build() (string, error) {
	s.Helper()
	b, err := NewBuilder(s.options)
	require.NoError(s, err)
	submission, err := b.Build(s.Context(), s.request)
	if err != nil {
		return "", err
	}
	body, err := xml.Marshal(submission)
	require.NoError(s, err)
	return string(body), nil
}

func (s *site) archive() string {
	return filepath.Join(stagingDir(s.dir, s.request.Application), "__spark_conf__.zip")
}

func (s *site) archived() string {
	s.Helper()
	data, err := os.ReadFile(s.archive())
	require.NoError(s, err)
	return string(data)
}

func TestSecretsAreInTheArchiveAlone(t *testing.T) {
	s := newSite(t)
	request, err := s.build()
	require.NoError(t, err)
	require.NotContains(t, request, "hunter2")
	require.Contains(t, s.archived(), "spark.my.password=hunter2\n")
	require.Contains(t, s.archived(), "<value>hunter2</value>")
	info, err := os.Stat(s.archive())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	again, err := s.build()
	require.NoError(t, err)
	require.Equal(t, request, again)
	s.write(filepath.Join(s.secrets, "db"), "hunter3\n") // of the same length
	_, err = s.build()
	require.NoError(t, err)
	require.NotContains(t, s.archived(), "hunter2")
}

// Requests that are built at the same time name one archive: one that is written
// twice would have another time than the request that was taken first.
func TestOneArchiveForConcurrentSubmits(t *testing.T) {
	s := newSite(t)
	requests := make([]string, 8)
	var wait sync.WaitGroup
	for i := range requests {
		wait.Go(func() {
			if request, err := s.build(); err == nil {
				requests[i] = request
			}
		})
	}
	wait.Wait()
	for _, request := range requests {
		require.NotEmpty(t, request)
		require.Equal(t, requests[0], request)
	}
}

func TestSecretsThatCannotBeUsed(t *testing.T) {
	s := newSite(t)
	s.request.Launch.Options.Conf = map[string]string{"spark.a.password": "secret:absent", "spark.b.password": "secret:../secrets/db"}
	_, err := s.build()
	require.Len(t, job.ProblemsOf(err), 2)
	require.Contains(t, job.ProblemsOf(err)[0], "conf spark.a.password: secret absent: ")
	require.Equal(t, `conf spark.b.password: secret "../secrets/db": not the name of one`, job.ProblemsOf(err)[1])
	require.NoFileExists(t, s.archive())

	s.request.Launch.Options.Conf = map[string]string{
		"spark.yarn.appMasterEnv.PASSWORD": "secret:db", "spark.executorEnv.PASSWORD": "secret:db", "spark.ssl.keyPassword": "secret:db",
	}
	_, err = s.build()
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	problems := strings.Join(job.ProblemsOf(err), "\n")
	for key := range s.request.Launch.Options.Conf {
		require.Contains(t, problems, key+": a secret cannot be used here")
	}
	require.NotContains(t, problems, "hunter2")

	s.options.Settings.SecretsDir = ""
	_, err = s.build()
	require.Contains(t, strings.Join(job.ProblemsOf(err), "\n"), "no directory of secrets is configured")
}
