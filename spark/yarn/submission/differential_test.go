//go:build hadoop

package submission_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// sparkSubmit submits the job with spark-submit and returns the application's id.
func (j one) sparkSubmit(t *testing.T, c *cluster) string {
	t.Helper()
	args := []string{"--master", "yarn", "--deploy-mode", "cluster"}
	conf := j.settings(c.where)
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		args = append(args, "--conf", key+"="+conf[key])
	}
	for option, names := range map[string][]string{"--py-files": j.pyFiles, "--files": j.files, "--jars": j.jars, "--archives": j.archives} {
		if len(names) > 0 {
			args = append(args, option, strings.Join(c.urls(names), ","))
		}
	}
	if j.class != "" {
		args = append(args, "--class", j.class)
	}
	args = append(args, j.options...)
	switch {
	case j.program == "":
		args = append(args, "spark-internal")
	case strings.HasPrefix(j.program, "local:"):
		args = append(args, c.expand(j.program))
	case j.inHDFS:
		args = append(args, c.url(c.dir+"/"+j.program))
	default:
		args = append(args, filepath.Join(c.local, j.program))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.sparkHome, "bin/spark-submit"), append(args, j.args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "JAVA_HOME=" + c.JavaHome, "SPARK_HOME=" + c.sparkHome,
		"HADOOP_CONF_DIR=" + c.ConfDir, "SPARK_LOCAL_IP=127.0.0.1", "HADOOP_USER_NAME=" + c.User,
	}
	for key, value := range j.environment(t, c.where) {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	m := submittedID.FindSubmatch(out)
	require.NotNil(t, m, "%s", out)
	return string(m[1])
}

// input is the job for Prepare; what is local is uploaded first.
func (j one) input(t *testing.T, c *cluster) submission.Input {
	t.Helper()
	reserved, err := c.rm.NewApplication(t.Context())
	require.NoError(t, err)
	staging := "/user/" + c.User + "/.sparkStaging/" + reserved.ID
	require.NoError(t, c.hdfs(http.MethodPut, "/user/"+c.User+"/.sparkStaging", url.Values{"op": {"MKDIRS"}, "permission": {"755"}}, nil, nil))
	require.NoError(t, c.hdfs(http.MethodPut, staging, url.Values{"op": {"MKDIRS"}, "permission": {"700"}}, nil, nil))
	return j.described(t, c.where, described{
		in: submission.Input{
			ID: reserved.ID, User: c.User, StagingDir: c.url(staging), SubmitTime: time.Now(), HadoopConf: directory(t, c.ConfDir),
			Limits: submission.Limits{MemoryMB: reserved.MaxMemoryMB, VCores: reserved.MaxVCores},
		},
		look: func(raw string) submission.Resource { return c.resource(t, raw) },
		stage: func(file string) submission.Resource {
			name := staging + "/" + path.Base(file)
			require.NoError(t, c.put(file, name))
			return c.resource(t, c.url(name))
		},
	})
}

// native submits the job without a JVM and returns the application's id.
func (j one) native(t *testing.T, c *cluster) string {
	t.Helper()
	plan, err := submission.Prepare(j.input(t, c))
	require.NoError(t, err, "%v", job.ProblemsOf(err))
	u, err := url.Parse(plan.ArchiveURL)
	require.NoError(t, err)
	require.NoError(t, c.write(u.Path, plan.Archive))
	s := c.stat(t, u.Path)
	request, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: s.FileStatus.Length, Modified: s.FileStatus.ModificationTime})
	require.NoError(t, err)
	require.NoError(t, c.rm.Submit(t.Context(), request))
	return request.ID
}

// representative jobs are what a short run submits of the table.
var representative = []string{"arguments, Python", "files", "jars", "memory and cores"}

// TestSameAsSparkSubmit submits each job both ways and compares all there is to see.
func TestSameAsSparkSubmit(t *testing.T) {
	t.Parallel()
	c := realCluster(t)
	names := slices.Sorted(maps.Keys(table))
	if testing.Short() {
		names = representative
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table[name].bothWays(t, c)
		})
	}
}

// labelled is a job for hosts with a label, of which there is one while it runs.
var labelled = one{
	program: "probe.py", inHDFS: true,
	options: []string{"--queue", "batch"},
	fields:  func(in *submission.Input) { in.Queue = "batch" },
	conf:    map[string]string{"spark.yarn.am.nodeLabelExpression": label, "spark.yarn.executor.nodeLabelExpression": label},
	differs: []string{"- .2.17.4 "}, // how many masters are to be started yet, when it is read
}

const label = "labelled"

// TestSameOnALabelledHost does that for a job that asks for hosts with a label. Other
// tests wait: the one host there is takes nothing else meanwhile.
func TestSameOnALabelledHost(t *testing.T) { //nolint:paralleltest // labels the host
	c := realCluster(t)
	c.label(t, label)
	defer c.label(t, "")
	labelled.bothWays(t, c)
}

func (j one) bothWays(t *testing.T, c *cluster) {
	t.Helper()
	nativeID := j.native(t, c)
	native := c.request(t, nativeID)
	sparkID := j.sparkSubmit(t, c)
	spark := c.request(t, sparkID)
	compare(t, j, c.collect(t, sparkID, spark), c.collect(t, nativeID, native))
}

func compare(t *testing.T, j one, spark, native evidence) {
	t.Helper()
	for _, part := range []struct {
		name          string
		spark, native []string
	}{
		{"request", spark.Request, native.Request},
		{"master's launch script", spark.Master, native.Master},
		{"executor's launch script", spark.Executor, native.Executor},
		{"archive", spark.Archive, native.Archive},
		{"program", spark.Program, native.Program},
	} {
		var report []string
		for _, line := range minus(part.spark, part.native) {
			report = append(report, "- "+line)
		}
		for _, line := range minus(part.native, part.spark) {
			report = append(report, "+ "+line)
		}
		report = slices.DeleteFunc(report, func(line string) bool {
			return slices.ContainsFunc(slices.Concat(j.differs, known), func(part string) bool { return strings.HasPrefix(line, part) })
		})
		if len(report) > 0 {
			t.Errorf("%s differs (- spark-submit, + native):\n%s", part.name, strings.Join(report, "\n"))
		}
	}
}

// known differences of every job; docs/yarn-differences.md says why. Fields of the
// request are those of ApplicationSubmissionContextProto, at .2.
var known = []string{
	"- .2.1.1 ", "+ .2.1.1 ", // the number of the application
	"- .10 ", "+ .10 ", // when it was launched
	"- .2.5.2 ", "+ .2.5.2 ", // tokens, which the ResourceManager adds to
	`- .2.5.4 {.1 "APP_SUBMIT_TIME_ENV"`, `+ .2.5.4 {.1 "APP_SUBMIT_TIME_ENV"`, // which it adds when it launches
	`- .2.5.4 {.1 "APPLICATION_WEB_PROXY_BASE"`, `+ .2.5.4 {.1 "APPLICATION_WEB_PROXY_BASE"`,
	// REST says more than RPC: what is the default anyway, and "no label" for "any".
	"+ .2.6 1", "+ .2.11 0", "+ .2.13 -1", `+ .2.16 ""`, "+ .2.17.",
	// What Spark's client sets in its own process.
	"- PROBE hadoop 'rpc.engine.org.apache.hadoop.hdfs.protocolPB.ClientNamenodeProtocolPB'",
}

// minus returns what is in a more often than in b.
func minus(a, b []string) []string {
	count := map[string]int{}
	for _, line := range b {
		count[line]++
	}
	var out []string
	for _, line := range a {
		if count[line]--; count[line] < 0 {
			out = append(out, line)
		}
	}
	return out
}
