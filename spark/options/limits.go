package options

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// companions are keys through which a limited resource grows as well. They have
// the limit of the key, or the one named here, unless the profile says its own.
var companions = map[string][]companion{
	"spark.executor.instances": {
		{key: "spark.dynamicAllocation.initialExecutors"},
		{key: "spark.dynamicAllocation.minExecutors"},
		{key: keyMaxExecutors},
	},
	"spark.executor.memory": {
		{key: "spark.executor.memoryOverhead"},
		{key: "spark.executor.minMemoryOverhead"},
		{key: "spark.executor.pyspark.memory"},
		{key: "spark.memory.offHeap.size"},
		{key: "spark.executor.memoryOverheadFactor", limit: "1"},
	},
	"spark.driver.memory": {
		{key: "spark.driver.memoryOverhead"},
		{key: "spark.driver.minMemoryOverhead"},
		{key: "spark.driver.memoryOverheadFactor", limit: "1"},
	},
}

type companion struct{ key, limit string }

const (
	keyMaxExecutors = "spark.dynamicAllocation.maxExecutors"
	keyDynamic      = "spark.dynamicAllocation.enabled"
)

// sparkDefaults are what Spark takes for a key that nobody sets.
var sparkDefaults = map[string]string{
	"spark.executor.memory":    "1g",
	"spark.driver.memory":      "1g",
	"spark.executor.cores":     "1",
	"spark.driver.cores":       "1",
	"spark.executor.instances": "2",
}

// unboundedWhenUnset are keys for which Spark takes all it can get.
var unboundedWhenUnset = map[string]bool{"spark.cores.max": true}

// allLimits adds the companions to a profile's limits.
func allLimits(limits map[string]string) map[string]string {
	out := map[string]string{}
	for key, limit := range limits {
		for _, c := range companions[key] {
			out[c.key] = limit
			if c.limit != "" {
				out[c.key] = c.limit
			}
		}
	}
	maps.Copy(out, limits)
	return out
}

// aboveLimits returns a problem for each value of conf that is above its limit.
func aboveLimits(conf, limits map[string]string) []string {
	var problems []string
	limits = allLimits(limits)
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		value, set := conf[key]
		if !set {
			continue
		}
		above, err := exceeds(key, value, limits[key])
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s: cannot be compared with the profile's limit %s: %v", key, limits[key], err))
		case above:
			problems = append(problems, fmt.Sprintf("%s: %s is above the profile's limit %s", key, show(value), limits[key]))
		}
	}
	return problems
}

// Limited returns the conf of a job's options and, above it, what keeps the options'
// limits where the job says nothing: a value of defaults, which is what Spark finds
// beside the job's own (spark-defaults.conf), that is above a limit counts as the limit,
// and so does Spark's own default. defaults without a limit are not in the result.
func Limited(o job.Options, defaults map[string]string) map[string]string {
	limited := maps.Clone(o.Conf)
	if limited == nil {
		limited = map[string]string{}
	}
	found := maps.Clone(limited)
	for key, value := range defaults {
		if _, set := found[key]; !set {
			found[key] = value
		}
	}
	for key, limit := range allLimits(o.Limits) {
		if _, own := o.Conf[key]; own {
			continue // compared when the job was read
		}
		if value, set := found[key]; set {
			if above, err := exceeds(key, value, limit); above || err != nil {
				limited[key] = limit
			}
		} else if value, needed := unset(key, limit, found); needed {
			limited[key] = value
		}
	}
	return limited
}

// unset returns the value for a limited key that nobody set, if it needs one.
func unset(key, limit string, conf map[string]string) (string, bool) {
	dynamic := strings.EqualFold(strings.TrimSpace(conf[keyDynamic]), "true")
	switch {
	case key == keyMaxExecutors:
		return limit, dynamic
	case key == "spark.executor.instances" && dynamic:
		return "", false
	case unboundedWhenUnset[key]:
		return limit, true
	}
	def, ok := sparkDefaults[key]
	if !ok {
		return "", false
	}
	if above, err := exceeds(key, def, limit); err == nil && above {
		return limit, true
	}
	return def, true
}

// exceeds compares two values of a key as sizes or as numbers.
func exceeds(key, value, limit string) (bool, error) {
	bare, isSize := sizeKeys[key]
	if !isSize {
		v, errV := parseNumber(value)
		l, errL := parseNumber(limit)
		if errV == nil && errL == nil {
			return v > l, nil
		}
		bare = 1
	}
	v, err := parseSize(value, bare)
	if err != nil {
		return false, err
	}
	l, err := parseSize(limit, bare)
	if err != nil {
		return false, err
	}
	return v > l, nil
}

func parseNumber(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%s is no number", show(s))
	}
	return n, nil
}
