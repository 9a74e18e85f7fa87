package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An older model-manage merges arrays of objects position by position. Contents
// arrive in their places all the same, and nothing else is touched.
func TestOlderArrays(t *testing.T) {
	t.Parallel()
	t.Run("success", func(t *testing.T) {
		t.Parallel()
		j := olderArrays.get(t).job(t)
		written := j.put("written.csv", "")
		e := j.create(j.model(scores(`
write(outputs[0], "first")
write(outputs[2], "third", "part-00000")
`), inputs(embedded("in.csv", "1"), embedded("in.csv", "2")),
			outputs(embeddedOutput("one.csv"), byURL("two.csv", written), embeddedOutput("three.csv")),
			with("jobMessages", []any{"a line from before"}))).ends(complete)
		require.Equal(t, []string{"first", "third"}, []string{e.output(0), e.output(2)})
		require.Equal(t, "a line from before", e.messages()[0])
	})
	t.Run("failure", func(t *testing.T) {
		t.Parallel()
		j := olderArrays.get(t).job(t)
		e := j.create(j.model(scores(`
write(outputs[0], "first")
raise ValueError("on purpose")
`), outputs(embeddedOutput("one.csv"), embeddedOutput("two.csv")))).ends(failed)
		e.says("ERROR (application) in phase running", "ValueError", "on purpose")
	})
	t.Run("invalid", func(t *testing.T) {
		t.Parallel()
		j := olderArrays.get(t).job(t)
		e := j.create(j.model(scores("pass"), primaryField("scoreFunction", "elsewhere"))).endsUnlaunched(failed)
		require.Len(t, e.problems(), 1)
	})
}
