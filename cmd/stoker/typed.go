package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// typed is what fields of a Spec were on the command line: problems are told in those
// words. Files are by field ("files[0]"), in what the user named them by.
type typed map[string]typedFile

type typedFile struct{ option, path string }

// fieldOptions are the options of the other fields that have another name.
var fieldOptions = map[string]string{
	"className":                        "--class",
	"resources.driverMemory":           "--driver-memory",
	"resources.driverMemoryOverhead":   "--driver-memory-overhead",
	"resources.driverCores":            "--driver-cores",
	"resources.executorMemory":         "--executor-memory",
	"resources.executorMemoryOverhead": "--executor-memory-overhead",
	"resources.executorCores":          "--executor-cores",
	"resources.numExecutors":           "--num-executors",
	"name":                             "--name",
	"cluster":                          "--cluster",
	"queue":                            "--queue",
	"profile":                          "--profile",
	"labels":                           "--label",
	"timeouts.deadline":                "--deadline",
	"timeouts.run":                     "--run-limit",
	"retry.infrastructureRetries":      "--retries",
}

// fieldPrefixes begin fields that have a key of the user's in them.
var fieldPrefixes = []struct{ field, option string }{
	{"conf ", "--conf "}, {"secretConf ", "--secret-conf "}, {"labels.", "--label "},
}

// uploadReference is the reference to an uploaded file, which only Stoker has named so.
var uploadReference = regexp.MustCompile(`"artifact:[0-9a-f]{64}/[^"]*"|artifact:[0-9a-f]{64}/[^ "]*`)

// inWords is an error whose problems name what stands on the command line.
func (t typed) inWords(err error) error {
	problems := problemsOf(err)
	if len(problems) == 0 {
		return err
	}
	words := make([]string, len(problems))
	for i, p := range problems {
		words[i] = t.words(p)
	}
	var said *job.Error
	if errors.As(job.Errorf(job.CodeOf(err), "%w", err), &said) {
		said.Problems = words
	}
	return said
}

// words is one problem.
func (t typed) words(problem string) string {
	field, what, ok := strings.Cut(problem, ": ")
	if !ok {
		return problem
	}
	if f, ok := t[field]; ok {
		if uploadReference.MatchString(what) {
			return f.option + ": " + uploadReference.ReplaceAllLiteralString(what, strconv.Quote(f.path))
		}
		if !strings.Contains(what, f.path) {
			what = f.path + ": " + what
		}
		return f.option + ": " + what
	}
	if option, ok := fieldOptions[field]; ok {
		return option + ": " + what
	}
	for _, p := range fieldPrefixes {
		if key, ok := strings.CutPrefix(field, p.field); ok {
			return p.option + key + ": " + what
		}
	}
	return problem
}
