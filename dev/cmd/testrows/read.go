package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Results as "go test -json" names them (cmd/test2json).
const (
	passed  = "pass"
	failed  = "fail"
	skipped = "skip"
)

// event is one line of "go test -json".
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

type key struct{ pkg, test string }

type reader struct {
	show   io.Writer
	rows   []row
	output map[key][]string
	broken bool
}

// read follows the events: tests that fail are shown with their output, packages
// with their result.
func (r *reader) read(in io.Reader) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var e event
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			r.tell("%s\n", scanner.Text()) // the go command's own words
			continue
		}
		r.take(e)
	}
	return scanner.Err()
}

func (r *reader) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.tell("%s", e.Output)
	case "build-fail":
		r.broken = true
	case "output":
		r.output[k] = append(r.output[k], e.Output)
	case passed, failed, skipped:
		r.end(k, e)
	}
}

func (r *reader) end(k key, e event) {
	output := r.output[k]
	delete(r.output, k)
	if e.Test == "" {
		r.broken = r.broken || e.Action == failed
		if e.Action == failed {
			r.cutOff(e.Package)
			r.tell("%s", strings.Join(output, ""))
		}
		r.tell("%-4s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
		return
	}
	r.rows = append(r.rows, row{Package: e.Package, Test: e.Test, Result: e.Action, Seconds: math.Round(e.Elapsed*100) / 100})
	if e.Action == failed {
		r.tell("--- FAIL: %s %s (%.1fs)\n%s", e.Package, e.Test, e.Elapsed, strings.Join(output, ""))
		return
	}
	if e.Elapsed >= shown {
		r.tell("     %s (%.1fs)\n", e.Test, e.Elapsed)
	}
}

// cutOff fails the tests that were running when their package died: what is known of
// its death is in the output of one of them.
func (r *reader) cutOff(pkg string) {
	for _, k := range slices.SortedFunc(maps.Keys(r.output), func(a, b key) int { return strings.Compare(a.test, b.test) }) {
		if k.pkg == pkg && k.test != "" {
			r.end(k, event{Action: failed, Package: pkg, Test: k.test})
		}
	}
}

// shown is how long a test must take, in seconds, to be worth a line.
const shown = 5

func (r *reader) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(r.show, format, args...) // for people
}

func (r *reader) count(result string) int {
	n := 0
	for _, row := range r.rows {
		if row.Result == result {
			n++
		}
	}
	return n
}

func (r *reader) ok() bool { return !r.broken && r.count(failed) == 0 }

func now() string { return time.Now().UTC().Format(time.RFC3339) }
