package submission

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Resource types of YARN beside memory and cores: GPUs and what else a cluster counts.
//
// Source: org.apache.spark.deploy.yarn.ResourceRequestHelper of Spark 3.5, of which
// validateResources is what spark-submit begins with; the rest fails the application once
// it has started.

const (
	prefixExecutor = "spark.yarn.executor.resource."
	suffixAmount   = ".amount"
)

// yarnsNames are those of YARN for what Spark's own keys ask for.
var yarnsNames = map[string]string{
	"memory": "memory", "mb": "memory", "memory-mb": "memory",
	"cores": "cores", "vcores": "cores", "cpu-vcores": "cores",
}

// devices are those of YARN for which executors have a key of Spark's.
var devices = map[string]string{"yarn.io/gpu": "gpu", "yarn.io/fpga": "fpga"}

// yarnUnits are what stands behind a number in a resource type.
//
// Source: org.apache.hadoop.yarn.util.UnitsConversionUtil; Spark turns g, t and p into
// capitals.
var yarnUnits = []string{"", "p", "n", "u", "m", "k", "M", "g", "G", "t", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"}

var amountAndUnit = regexp.MustCompile(`^([0-9]+)([A-Za-z]*)$`)

// notAResource says why a key asks for a resource in a way that Spark refuses, "" if it
// doesn't. Where drivers run on the cluster they are the application masters, too.
func notAResource(key string) string {
	const instead = "Spark takes this from its own key alone; write spark."
	for prefix, who := range map[string]string{
		"spark.yarn.driver.resource.": "driver", "spark.yarn.am.resource.": "driver", prefixExecutor: "executor",
	} {
		name, ok := strings.CutPrefix(key, prefix)
		name, counted := strings.CutSuffix(name, suffixAmount)
		switch {
		case !ok:
		case yarnsNames[name] != "":
			return instead + who + "." + yarnsNames[name]
		case prefix != prefixExecutor: // the master's mean nothing, the driver's cannot be asked for
		case devices[name] != "":
			return instead + "executor.resource." + devices[name] + suffixAmount
		case !counted || name == "":
			return "is no resource; the keys of one end with " + suffixAmount
		}
	}
	return ""
}

// customResources refuses amounts that nobody can read.
func (b *builder) customResources() {
	for _, key := range slices.Sorted(maps.Keys(b.conf.values)) {
		if !strings.HasSuffix(key, suffixAmount) {
			continue
		}
		problem := ""
		switch {
		case strings.HasPrefix(key, prefixExecutor):
			problem = amountProblem(b.amount(key))
		case strings.HasPrefix(key, "spark.executor.resource."):
			if n, err := strconv.ParseInt(b.amount(key), 10, 32); err != nil || n < 0 {
				problem = "is no whole number"
			}
		}
		if problem != "" {
			b.problemf("%s: %s %s", key, show(b.amount(key)), problem)
		}
	}
}

// amount is a value as Spark reads it here: references in it are none.
func (b *builder) amount(key string) string {
	v, _ := b.conf.raw(key)
	return strings.TrimSpace(v)
}

func amountProblem(v string) string {
	m := amountAndUnit.FindStringSubmatch(v)
	if m == nil {
		return "is no amount; write a whole number, with or without a unit such as G"
	}
	if _, err := strconv.ParseInt(m[1], 10, 64); err != nil {
		return "is too large"
	}
	if !slices.Contains(yarnUnits, m[2]) {
		return "has no unit that YARN knows; they are " + strings.Join(yarnUnits[1:], ", ")
	}
	return ""
}
