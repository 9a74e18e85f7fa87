//go:build hadoop

package yarnfaults

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/faults/bench"
)

// tasks runs two jobs of four slow tasks each.
const tasks = `import time
from pyspark.sql import SparkSession
context = SparkSession.builder.getOrCreate().sparkContext
for _ in range(2):
    context.parallelize(range(4), 4).map(lambda x: time.sleep(4) or x).sum()
`

// Who waits in a terminal sees how far Spark is, as its own UI says through YARN's proxy.
func TestProgressInTerminal(t *testing.T) {
	bench.Long(t)
	t.Parallel()
	i := install(t, func(o *options) {
		o.keys = map[string]any{"clusters/yarn/spark/profile/conf/spark.ui.enabled": "true"}
	})
	i.Worker()
	o := owned(i)
	file := filepath.Join(i.Scratch, "tasks.py")
	require.NoError(t, os.WriteFile(file, []byte(tasks), 0o600))
	shown, code := o.Terminal(120, "submit", "--wait", file)
	require.Zero(t, code, shown)
	require.Regexp(t, `running +[0-9.ms]+  \[[#.]{20}\]  tasks [0-9]+/[48], stages [0-9]/[12]`, shown)
	bars := map[string]bool{}
	for _, m := range regexp.MustCompile(`\[([#.]{20})\]  tasks`).FindAllStringSubmatch(shown, -1) {
		bars[m[1]] = true
	}
	require.Greater(t, len(bars), 1, "the bar moves")
	require.Contains(t, shown, "succeeded after")
	t.Log(strings.Join(regexp.MustCompile(`tasks [0-9/]+, stages [0-9/]+`).FindAllString(shown, -1)[:1], ""), len(bars))
}
