// testrows reads the output of "go test -json" on its standard input, shows what
// ends, and writes one row per test to a file, so that a run is on record. Its
// exit status is 1 if a test failed or a package did not build.
//
//	go test -json ./… | testrows --suite NAME --out docs/test-yarn.json
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/stoker-spark/stoker/dev/origin"
)

func main() {
	suite := flag.String("suite", "", "name of the suite, whose rows are replaced")
	out := flag.String("out", "", "file to write to; none only shows")
	flag.Parse()
	ok, err := run(os.Stdin, os.Stdout, *suite, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrows:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, show io.Writer, suite, out string) (ok bool, err error) {
	r := reader{show: show, output: map[key][]string{}}
	if err := r.read(in); err != nil {
		return false, err
	}
	_, _ = fmt.Fprintf(show, "%d tests passed, %d failed, %d skipped\n", r.count(passed), r.count(failed), r.count(skipped))
	if out == "" {
		return r.ok(), nil
	}
	return r.ok(), save(out, suite, r.rows)
}

// record is the file: who made which rows.
type record struct {
	Suites []suiteRecord `json:"suites"`
}

type suiteRecord struct {
	Name    string `json:"name"`
	Commit  string `json:"commit"`
	Machine string `json:"machine"`
	Time    string `json:"time"`
	Rows    []row  `json:"rows"`
}

// row is how one test ended.
type row struct {
	Package string  `json:"package"`
	Test    string  `json:"test"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
}

// save replaces the suite's part of the file.
func save(name, suite string, rows []row) error {
	var all record
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", name, err)
	}
	fresh := suiteRecord{Name: suite, Commit: origin.Commit(), Machine: origin.Machine(), Time: now(), Rows: rows}
	replaced := false
	for i := range all.Suites {
		if all.Suites[i].Name == suite {
			all.Suites[i], replaced = fresh, true
		}
	}
	if !replaced {
		all.Suites = append(all.Suites, fresh)
	}
	if data, err = json.MarshalIndent(all, "", " "); err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o644) // a file of the repository
}
