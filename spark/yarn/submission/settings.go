package submission

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/spark/options"
)

// problems collects all that is wrong with an input.
type problems struct{ list []string }

func (p *problems) problemf(format string, args ...any) {
	p.list = append(p.list, fmt.Sprintf(format, args...))
}

// settings is the Spark configuration as it goes into the archive. Reading a value
// for anything else goes through the methods, which remember it: what was read is
// seen by others.
type settings struct {
	*problems
	values map[string]string
	env    map[string]string
	// read are the keys whose values went into the request.
	read map[string]bool
}

// alternatives are older names of keys.
var alternatives = map[string][]string{
	"spark.driver.memoryOverhead":   {"spark.yarn.driver.memoryOverhead"},
	"spark.executor.memoryOverhead": {"spark.yarn.executor.memoryOverhead"},
	"spark.memory.offHeap.enabled":  {"spark.unsafe.offHeap"},
	"spark.kerberos.keytab":         {"spark.yarn.keytab"},
	"spark.kerberos.principal":      {"spark.yarn.principal"},
}

// raw is a value as it was set.
func (s settings) raw(key string) (string, bool) {
	for _, k := range append([]string{key}, alternatives[key]...) {
		if v, ok := s.values[k]; ok {
			s.read[k] = true
			return v, true
		}
	}
	return "", false
}

// get is a value with its references resolved.
func (s settings) get(key string) (string, bool) {
	v, ok := s.raw(key)
	if !ok {
		return "", false
	}
	return s.resolve(key, v, []string{key}), true
}

// text is a value, "" if there is none.
func (s settings) text(key string) string {
	v, _ := s.get(key)
	return v
}

// reference is Spark's ${name}, ${spark:name}, ${env:NAME} and ${system:name}.
var reference = regexp.MustCompile(`\$\{(?:(\w+?):)?(\S+?)\}`)

func (s settings) resolve(key, value string, path []string) string {
	return reference.ReplaceAllStringFunc(value, func(match string) string {
		m := reference.FindStringSubmatch(match)
		prefix, name := m[1], m[2]
		if options.Redacted(name) {
			// What a value comes to is seen by others: in the request, and in messages.
			s.problemf("%s: refers to %s, which may be a secret", key, show(match))
			return match
		}
		switch prefix {
		case "", "spark":
			for _, passed := range path {
				if passed == name {
					s.problemf("%s: its value refers to itself through %s", key, show(match))
					return match
				}
			}
			if v, ok := s.raw(name); ok && strings.HasPrefix(name, "spark.") {
				return s.resolve(key, v, append(path, name))
			}
			s.problemf("%s: refers to %s, which is not set", key, show(match))
		case "env":
			if v, ok := s.env[name]; ok {
				return v
			}
			s.problemf("%s: refers to %s, which is not in the environment of a submission", key, show(match))
		case "system":
			s.problemf("%s: refers to %s, but no JVM submits the application", key, show(match))
		}
		return match
	})
}

// size is a value in bytes; a bare number counts in units of bare.
func (s settings) size(key string, bare, otherwise int64) int64 {
	v, ok := s.get(key)
	if !ok {
		return otherwise
	}
	n, err := ParseSize(v, bare)
	if err != nil {
		s.problemf("%s: %s %v", key, show(v), err)
	}
	return n
}

// mebibytes is a size in MiB, rounded down as Spark does.
func (s settings) mebibytes(key string, otherwise int64) int64 {
	return s.size(key, Mebibyte, otherwise*Mebibyte) / Mebibyte
}

// integer is a whole number of at least least.
func (s settings) integer(key string, least, otherwise int) int {
	v, ok := s.get(key)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32)
	switch {
	case err != nil:
		s.problemf("%s: %s is no whole number", key, show(v))
	case int(n) < least:
		s.problemf("%s: %d is less than %d", key, n, least)
	}
	return int(n)
}

// factor is a number above 0.
func (s settings) factor(key string, otherwise float64) float64 {
	v, ok := s.get(key)
	if !ok {
		return otherwise
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || !(f > 0 && f < 1e6) {
		s.problemf("%s: %s is no number above 0", key, show(v))
		return otherwise
	}
	return f
}

func (s settings) boolean(key string, otherwise bool) bool {
	v, ok := s.get(key)
	if !ok {
		return otherwise
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true
	case "false":
		return false
	}
	s.problemf("%s: %s is neither true nor false", key, show(v))
	return otherwise
}

// list splits a value at commas.
func (s settings) list(key string) []string { return splitList(s.text(key)) }

func splitList(value string) []string {
	var out []string
	for element := range strings.SplitSeq(value, ",") {
		if element = strings.TrimSpace(element); element != "" {
			out = append(out, element)
		}
	}
	return out
}

// withPrefix returns the raw values of keys with a prefix, by the rest of the key.
func (s settings) withPrefix(prefix string) map[string]string {
	out := map[string]string{}
	for key, value := range s.values {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest] = value
			s.read[key] = true
		}
	}
	return out
}

// javaOptions joins default and extra options of "driver" or "executor".
func (s settings) javaOptions(who string) string {
	var parts []string
	for _, kind := range []string{"defaultJavaOptions", "extraJavaOptions"} {
		if v, ok := s.get("spark." + who + "." + kind); ok {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, " ")
}
