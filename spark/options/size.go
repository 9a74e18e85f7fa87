package options

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

const mebi = 1 << 20

// sizeKeys are the conf keys that hold a size, with the unit in bytes of a
// bare number.
var sizeKeys = map[string]uint64{
	"spark.executor.memory":            mebi,
	"spark.executor.memoryOverhead":    mebi,
	"spark.executor.minMemoryOverhead": mebi,
	"spark.executor.pyspark.memory":    mebi,
	"spark.driver.memory":              mebi,
	"spark.driver.memoryOverhead":      mebi,
	"spark.driver.minMemoryOverhead":   mebi,
	"spark.yarn.am.memory":             mebi,
	"spark.yarn.am.memoryOverhead":     mebi,
	"spark.driver.maxResultSize":       1,
	"spark.memory.offHeap.size":        1,
}

// countKeys are the conf keys that hold a positive whole number.
var countKeys = map[string]bool{
	"spark.executor.cores":     true,
	"spark.executor.instances": true,
	"spark.cores.max":          true,
	"spark.driver.cores":       true,
}

var (
	sizePattern = regexp.MustCompile(`^([0-9]{1,19})([a-z]*)$`)
	sizeUnits   = map[string]uint64{
		"b": 1, "k": 1 << 10, "kb": 1 << 10, "m": mebi, "mb": mebi, "g": 1 << 30, "gb": 1 << 30,
		"t": 1 << 40, "tb": 1 << 40, "p": 1 << 50, "pb": 1 << 50,
	}
)

// parseSize reads a size in Spark's syntax: a whole number and a unit of b, k,
// m, g, t, p with or without a final b, in any case. A bare number counts in
// bare bytes.
func parseSize(s string, bare uint64) (uint64, error) {
	m := sizePattern.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return 0, fmt.Errorf("%s is no size; write a whole number and a unit, like 512m or 2g", show(s))
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", show(s))
	}
	unit := bare
	if m[2] != "" {
		var ok bool
		if unit, ok = sizeUnits[m[2]]; !ok {
			return 0, fmt.Errorf("%s has no unit that Spark knows; they are b, k, m, g, t and p", show(s))
		}
	}
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is too large", show(s))
	}
	return n * unit, nil
}

// formatSize writes a size as both Spark and a JVM's -Xmx read it: "512m".
// -Xmx knows neither "512MB" nor Spark's meaning of a bare number.
func formatSize(n uint64) string {
	switch {
	case n == 0:
		return "0"
	case n%(1<<30) == 0:
		return strconv.FormatUint(n>>30, 10) + "g"
	case n%mebi == 0:
		return strconv.FormatUint(n>>20, 10) + "m"
	case n%(1<<10) == 0:
		return strconv.FormatUint(n>>10, 10) + "k"
	}
	return strconv.FormatUint(n, 10) + "b"
}

// normalise checks the value of a conf key whose syntax is known, and returns
// it in one spelling. Other values return as they are.
func normalise(key, value string) (string, error) {
	if bare, ok := sizeKeys[key]; ok {
		n, err := parseSize(value, bare)
		switch {
		case err != nil:
			return "", err
		case n == 0 && (key == "spark.driver.maxResultSize" || key == "spark.memory.offHeap.size"):
			return "0", nil
		case n < bare:
			return "", fmt.Errorf("%s is less than %s", show(value), formatSize(bare))
		case bare == mebi:
			// Whole mebibytes, as Spark counts these keys.
			n -= n % mebi
		}
		return formatSize(n), nil
	}
	if countKeys[key] {
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
		if err != nil || n == 0 {
			return "", fmt.Errorf("%s is no positive whole number", show(value))
		}
		return strconv.FormatUint(n, 10), nil
	}
	return value, nil
}
