package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// How the model's program ends decides how the job does.
func TestProgramEnds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text string
		status     string
		class      job.Class
		// says are words of the first line.
		says []string
	}{
		{"returns", scores(`write(outputs[0], "x")`), complete, "", []string{"The job succeeded."}},
		{"yields", scores("write(outputs[0], 'x')\nyield 1\nwrite(outputs[0], 'read to the end')"), complete, "", []string{"The job succeeded."}},
		{"sys.exit(0)", scores("write(outputs[0], 'x')\nsys.exit(0)"), complete, "", []string{"The job succeeded."}},
		{"sys.exit()", scores("write(outputs[0], 'x')\nsys.exit()"), complete, "", []string{"The job succeeded."}},
		{"sys.exit(3)", scores("write(outputs[0], 'x')\nsys.exit(3)"), failed, job.ClassApplication, []string{"phase running", "SystemExit", "sys.exit(3)"}},
		{"sys.exit of a text", scores("sys.exit('no loans')"), failed, job.ClassApplication, []string{"SystemExit", "no loans"}},
		{"os._exit(0)", scores("write(outputs[0], 'x')\nos._exit(0)"), failed, job.ClassApplication, []string{"the program ended before the function returned"}},
		{"os._exit(7)", scores("os._exit(7)"), failed, job.ClassApplication, []string{"the application failed", "exit code 7"}},
		{"killed", scores("os.kill(os.getpid(), 9)"), failed, job.ClassKilled, []string{"killed from outside", "signal 9"}},
		{"fails after it returned", "import atexit\natexit.register(os._exit, 5)\n" + scores(`write(outputs[0], "x")`), failed, job.ClassInfrastructure, []string{"the function returned, but the application failed afterwards", "exit code 5"}},
		{"raises", scores("raise KeyError('income')"), failed, job.ClassApplication, []string{"ERROR (application) in phase running", "KeyError", "'income'"}},
		{"raises at import", "import nothing_of_this_name\n" + scores("pass"), failed, job.ClassApplication, []string{"ModuleNotFoundError", "nothing_of_this_name"}},
		{"raises in init", "def init():\n    raise ValueError('begun badly')\n" + scores("pass"), failed, job.ClassApplication, []string{"ValueError", "begun badly"}},
		{"takes other arguments", "def score(one):\n    pass\n", failed, job.ClassApplication, []string{"(one)", "three arguments"}},
		{"is no Python", scores("pass") + "\nif x\n", failed, job.ClassApplication, []string{"SyntaxError"}},
		{"runs out of memory", scores("raise MemoryError()"), failed, job.ClassApplication, []string{"MemoryError"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := withoutSpark.get(t).job(t)
			e := j.create(j.model(row.text)).ends(row.status)
			require.Equal(t, row.class, e.result.Outcome.Class)
			require.NotZero(t, e.result.RunningAt)
			for _, words := range row.says {
				require.Contains(t, e.firstOfEnd(), words)
			}
			last := map[string]string{complete: "Job complete.", failed: "Job failed."}[row.status]
			require.Equal(t, last, e.messages()[len(e.messages())-1])
		})
	}
}

// firstOfEnd is the first line that the final report added.
func (e ended) firstOfEnd() string {
	e.Helper()
	before := messages(e.revisions[len(e.revisions)-2].Document)
	require.Greater(e, len(e.messages()), len(before))
	return e.messages()[len(before)]
}

// The traceback in the messages begins at the author's own line.
func TestTracebackIsTheAuthors(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model("def share(amount, income):\n    return amount / income  # the author's line\n" +
		scores("print('at work')\nshare(1000, 0)"))).ends(failed)
	e.says("ERROR (application) in phase running", "ZeroDivisionError", "division by zero")
	e.says("return amount / income  # the author's line")
	e.says(`model.py", line`, "in share")
	require.NotContains(t, e.transcript(), "ModelOpPySparkDriver.py", "frames of the driver are of no use to the author")
	require.Equal(t, "ZeroDivisionError", e.result.Outcome.ErrorType)
}

// Child processes that the model leaves behind do not end the job, nor outlive
// it.
func TestForkedChildren(t *testing.T) {
	t.Parallel()
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`
import subprocess
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if os.fork() == 0:
    sys.exit(0)
write(outputs[0], "x")
`))).ends(complete)
	require.Equal(t, "x", e.output(0))
}

// The model sees nothing of Stoker's environment, and an allow-listed rest.
func TestEnvironmentOfTheModel(t *testing.T) {
	t.Setenv("TEMPORAL_API_KEY", "not for models")
	t.Setenv("HTTPS_PROXY", "http://user:password@proxy")
	j := withoutSpark.get(t).job(t)
	e := j.create(j.model(scores(`write(outputs[0], "\n".join(sorted(os.environ)))`))).ends(complete)
	names := strings.Split(e.output(0), "\n")
	require.Contains(t, names, "PATH")
	for _, name := range names {
		require.NotContains(t, name, "STOKER")
		require.NotContains(t, []string{"TEMPORAL_API_KEY", "HTTPS_PROXY"}, name)
	}
}
