//go:build hadoop

package submission_test

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// hostileArgs are arguments that Spark's own quoting damages, or lets a shell run.
var hostileArgs = []string{
	"`id`", `two\\of them`, `end\\`, `\$HOME`, `\"`, "\\`", "line\\\ncontinued", "{{HOME}}", "{{{", "}}}", "<LOG_DIR>", "<CPS>", "<ADD_OPENS>", "$(id)`id`",
}

// TestWhatSparkCannot runs jobs that spark-submit would damage or refuse.
func TestWhatSparkCannot(t *testing.T) {
	t.Parallel()
	c := realCluster(t)

	t.Run("Python", func(t *testing.T) {
		t.Parallel()
		j := one{
			program: "probe.py", inHDFS: true, args: hostileArgs,
			files:   []string{"data.txt#first/same.txt", "private/data.txt#second/same.txt", "more.txt#third.txt"},
			pyFiles: []string{"lib.zip#renamed.zip", "helper.py#renamed.py"},
		}
		id := j.native(t, c)
		got := c.collect(t, id, c.request(t, id))
		requireArgs(t, got, 1, hostileArgs)
		for _, want := range []string{
			"PROBE file 'first' 'dir'", "PROBE file 'second' 'dir'", "PROBE file 'third.txt' 'file'",
			"PROBE file 'renamed.zip' 'file'",
		} {
			require.Contains(t, got.Program, want)
		}
		require.Contains(t, strings.Join(got.Program, "\n"), "/renamed.zip'\n", "on Python's path")
		require.Contains(t, strings.Join(got.Executor, "\n"), `"first/same.txt" # file, public`)
		require.Contains(t, strings.Join(got.Executor, "\n"), `"second/same.txt" # file, private`)
	})

	t.Run("JAR", func(t *testing.T) {
		t.Parallel()
		j := one{program: "probe.jar", class: "Probe", inHDFS: true, args: hostileArgs}
		j.fields = func(in *submission.Input) {
			name := path.Join(c.dir, "it's (a) probe & more;.jar")
			require.NoError(t, c.put(path.Join(c.local, "probe.jar"), name))
			in.Program.Resource = c.resource(t, c.url(name))
		}
		id := j.native(t, c)
		requireArgs(t, c.collect(t, id, c.request(t, id)), 0, hostileArgs)
	})
}

// requireArgs compares the arguments that the program printed, from a number on.
func requireArgs(t *testing.T, got evidence, first int, want []string) {
	t.Helper()
	args := map[string]bool{}
	for _, line := range got.Program {
		if strings.HasPrefix(line, "PROBE arg ") {
			args[line] = true
		}
	}
	require.Len(t, args, first+len(want))
	for i, arg := range want {
		require.True(t, args[probeLine(first, first+i, arg)], "%q is not among %v", arg, args)
	}
}

// probeLine is how the Python program (first is 1) or the Java one prints an argument.
func probeLine(first, i int, arg string) string {
	if first == 1 {
		return "PROBE arg " + strconv.Itoa(i) + " " + asciiOf(arg)
	}
	var b strings.Builder
	for _, r := range arg {
		if r < ' ' || r > '~' || r == '\'' || r == '\\' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return "PROBE arg '" + strconv.Itoa(i) + "' '" + b.String() + "'"
}

// asciiOf is Python's ascii() of text without non-ASCII characters.
func asciiOf(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	return quote + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(s) + quote
}
