package submission_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// withArgs is a job with these arguments.
func withArgs(args ...string) submission.Input {
	return pythonJob(func(in *submission.Input) { in.Program.Args = args })
}

// All arguments are one to the shell that a NodeManager starts.
func TestLengthOfTheCommand(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"together":       {strings.Repeat("a", 70<<10), strings.Repeat("b", 70<<10)},
		"one":            {strings.Repeat("a", 131071)},
		"quoted":         {strings.Repeat("'", 40<<10)}, // each takes four
		"many":           strings.Split(strings.Repeat("x,", 15000), ","),
		"two bytes each": {strings.Repeat("é", 65<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, problems(t, withArgs(args...)), "program.args: the application master's command has about ")
		})
	}
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.Conf = map[string]string{"spark.yarn.appMasterEnv.LONG": strings.Repeat("x", 131067)}
	})), "spark.yarn.appMasterEnv.LONG: has 131067 bytes")
}

// What is accepted can be run, as a NodeManager does it, with paths as long as they get.
func TestLongCommandsRun(t *testing.T) {
	t.Parallel()
	path := "/" + strings.Repeat("p", 250)
	for _, arg := range []string{strings.Repeat("a", 120<<10), strings.Repeat("$", 120<<10), strings.Repeat("`", 120<<10), strings.Repeat(`\`, 120<<10), strings.Repeat("'", 29<<10)} {
		plan, err := submission.Prepare(withArgs(arg))
		require.NoError(t, err, "%v", job.ProblemsOf(err))
		context, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: int64(len(plan.Archive)), Modified: 1})
		require.NoError(t, err)
		command := strings.NewReplacer("{{JAVA_HOME}}/bin/java", "true", "{{PWD}}", path, "<LOG_DIR>/stdout", "/dev/null", "<LOG_DIR>/stderr", "/dev/null", "<LOG_DIR>", path).
			Replace(strings.Join(context.Container.Commands, " "))
		run := exec.CommandContext(t.Context(), "bash")
		run.Stdin = strings.NewReader("exec /bin/bash -c \"" + command + "\"\n")
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%.200s", out)
	}
}
