package submission_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What spark-submit refuses, and what would fail the application once it has started, is
// refused before anything is sent.
func TestCustomResourcesProblems(t *testing.T) {
	t.Parallel()
	const executor, driver = "spark.yarn.executor.resource.", "spark.yarn.driver.resource."
	for key, tt := range map[string]struct{ value, want string }{
		executor + "memory":                {"3g", "write spark.executor.memory"},
		executor + "memory.amount":         {"3g", "write spark.executor.memory"},
		executor + "mb.amount":             {"3", "write spark.executor.memory"},
		executor + "memory-mb.amount":      {"3", "write spark.executor.memory"},
		executor + "cores.amount":          {"3", "write spark.executor.cores"},
		executor + "vcores.amount":         {"3", "write spark.executor.cores"},
		executor + "cpu-vcores":            {"3", "write spark.executor.cores"},
		executor + "yarn.io/gpu.amount":    {"1", "write spark.executor.resource.gpu.amount"},
		executor + "yarn.io/fpga.amount":   {"1", "write spark.executor.resource.fpga.amount"},
		executor + "fpga.count":            {"1", "the keys of one end with .amount"},
		executor + "disk.amount":           {"many", `"many" is no amount`},
		executor + "disk2.amount":          {"", "is no amount"},
		executor + "ssd.amount":            {"3x", `"3x" has no unit that YARN knows`},
		executor + "nic.amount":            {"99999999999999999999", "is too large"},
		driver + "vcores.amount":           {"2", "write spark.driver.cores"},
		driver + "yarn.io/gpu.amount":      {"1", "cannot be asked for over REST"},
		"spark.yarn.am.resource.mb.amount": {"3", "write spark.driver.memory"},
		// Read when the program makes its SparkContext.
		"spark.executor.resource.gpu.amount":  {"1.5", `"1.5" is no whole number`},
		"spark.executor.resource.fpga.amount": {"-1", "is no whole number"},
	} {
		got := problems(t, withConf(map[string]string{key: tt.value}))
		require.Contains(t, got, key+": ")
		require.Contains(t, got, tt.want, key)
		require.NotContains(t, got, "\n", "one problem only")
	}
	prepare(t, withConf(map[string]string{
		executor + "disk.amount": " 3g ", executor + "ssd.amount": "10Gi", executor + "nic.amount": "2",
		"spark.yarn.am.resource.nic.amount":  "ignored in cluster mode",
		"spark.executor.resource.gpu.amount": " 2 ", "spark.executor.resource.gpu.discoveryScript": "./gpus.sh", "spark.executor.resource.gpu.vendor": "nvidia.com",
	}))
}
