package submission

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Mebibyte is the unit of a bare number in most of Spark's memory settings.
const Mebibyte = 1 << 20

var (
	quantity = regexp.MustCompile(`^([0-9]+)([a-z]*)$`)
	sizes    = map[string]int64{
		"b": 1, "k": 1 << 10, "kb": 1 << 10, "m": Mebibyte, "mb": Mebibyte, "g": 1 << 30, "gb": 1 << 30,
		"t": 1 << 40, "tb": 1 << 40, "p": 1 << 50, "pb": 1 << 50,
	}
	durations = map[string]time.Duration{
		"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "min": time.Minute,
		"h": time.Hour, "d": 24 * time.Hour,
	}
)

// ParseSize reads a size in Spark's syntax, in bytes: a whole number and a unit of
// b, k, m, g, t, p, with or without a further b, in any case. A bare number counts
// in units of bare bytes.
func ParseSize(s string, bare int64) (int64, error) {
	return parse(s, bare, sizes, "is no size; write a whole number and a unit, like 512m or 2g",
		"has no unit that Spark knows; they are b, k, m, g, t and p")
}

// ParseDuration reads a duration in Spark's syntax: a whole number and a unit of
// us, ms, s, m, min, h, d. A bare number counts in units of bare.
func ParseDuration(s string, bare time.Duration) (time.Duration, error) {
	return parse(s, bare, durations, "is no duration; write a whole number and a unit, like 90s or 2h",
		"has no unit that Spark knows; they are us, ms, s, m, min, h and d")
}

func parse[T ~int64](s string, bare T, units map[string]T, malformed, unknown string) (T, error) {
	m := quantity.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return 0, errors.New(malformed)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, errors.New("is too large")
	}
	unit := bare
	if m[2] != "" {
		var ok bool
		if unit, ok = units[m[2]]; !ok {
			return 0, errors.New(unknown)
		}
	}
	if n > math.MaxInt64/int64(unit) {
		return 0, errors.New("is too large")
	}
	return T(n) * unit, nil
}
