//go:build hadoop

package submission_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// evidence is what can be known of a submitted application, normalised and sorted,
// so that that of two submissions of one job must be equal.
type evidence struct {
	// Request is the submission as the ResourceManager stored it.
	Request []string
	// Master and Executor are the lines of their launch scripts.
	Master, Executor []string
	// Archive holds the files of the archive of configuration files: names, and the
	// lines of Spark's own.
	Archive []string
	// Program is what the application printed about itself.
	Program []string
}

// request reads the submission as the ResourceManager stored it. It keeps all of it
// only as long as the application has not ended.
func (c *cluster) request(t *testing.T, id string) []string {
	t.Helper()
	file := filepath.Join(c.State, "data/rm-state/FSRMStateRoot/RMAppRoot", id, id)
	var lines []string
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		lines = nil
		return protobuf(0, data, &lines) == nil
	}, 20*time.Second, 20*time.Millisecond, file)
	return c.normalise(id, lines)
}

// protobuf writes a message as lines "field.field value", without its schema: a
// value is text if it looks like it, else a message if it can be one.
func protobuf(depth int, data []byte, lines *[]string) error {
	broken := errors.New("no message")
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 {
			return broken
		}
		data = data[n:]
		name := fmt.Sprintf(".%d", key>>3)
		switch key & 7 {
		case 0:
			v, n := binary.Uvarint(data)
			if n <= 0 {
				return broken
			}
			*lines = append(*lines, fmt.Sprintf("%s %d", name, int64(v))) //nolint:gosec // Java's long
			data = data[n:]
		case 2:
			size, n := binary.Uvarint(data)
			if n <= 0 || size > uint64(len(data)-n) {
				return broken
			}
			v := data[n : n+int(size)] //nolint:gosec // not above the length
			data = data[n+int(size):]  //nolint:gosec // not above the length
			var inner []string
			switch {
			case isText(v):
				*lines = append(*lines, fmt.Sprintf("%s %q", name, v))
			case protobuf(depth+1, v, &inner) == nil:
				// One line, so that sorting keeps together what belongs together.
				slices.Sort(inner)
				if depth < 2 {
					for _, line := range inner {
						*lines = append(*lines, name+line)
					}
					break
				}
				*lines = append(*lines, name+" {"+strings.Join(inner, "; ")+"}")
			default:
				*lines = append(*lines, fmt.Sprintf("%s %x", name, v))
			}
		default:
			return broken
		}
	}
	return nil
}

func isText(v []byte) bool {
	return utf8.Valid(v) && !strings.ContainsFunc(string(v), func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

// containers of an ended application: the master's is the first.
func (c *cluster) containers(t *testing.T, id string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(c.State, "data/containers/nmPrivate", id, "container_*"))
	require.NoError(t, err)
	slices.Sort(found)
	require.GreaterOrEqual(t, len(found), 2, "%s had no executor", id)
	return found
}

func (c *cluster) collect(t *testing.T, id string, request []string) evidence {
	t.Helper()
	app := c.ended(t, id)
	logs := filepath.Join(c.State, "data/container-logs", id)
	if app.FinalStatus != rm.FinalSucceeded {
		var log []byte
		if found, _ := filepath.Glob(filepath.Join(logs, "container_*_01_000001", "stderr")); len(found) > 0 {
			log, _ = os.ReadFile(found[0])
		}
		require.Equal(t, rm.FinalSucceeded, app.FinalStatus, "%s: %s\n%s", id, app.Diagnostics, log[max(0, len(log)-6000):])
	}
	// What is asked for is stored before and after the scheduler rounds it.
	isSize := func(line string) bool { return strings.HasPrefix(line, ".2.9") }
	request = slices.DeleteFunc(request, isSize)
	for _, line := range c.request(t, id) {
		if isSize(line) {
			request = append(request, line)
		}
	}
	containers := c.containers(t, id)
	read := func(file string) string {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(data)
	}
	script := read(filepath.Join(containers[0], "launch_container.sh"))
	link := regexp.MustCompile(`ln -sf -- "([^"]*)" "__spark_conf__"`).FindStringSubmatch(script)
	require.NotNil(t, link)
	output := read(filepath.Join(logs, filepath.Base(containers[0]), "stdout"))
	return evidence{
		Request:  request,
		Master:   c.script(id, script),
		Executor: c.script(id, read(filepath.Join(containers[1], "launch_container.sh"))),
		Archive:  c.archive(t, id, link[1]),
		Program:  c.normalise(id, strings.Split(output, "\n")),
	}
}

var linkLine = regexp.MustCompile(`^ln -sf -- "([^"]*)" "([^"]*)"$`)

// script normalises a launch script, and adds to each link what it leads to.
func (c *cluster) script(id, script string) []string {
	// The command may have line ends in it.
	before, command, _ := strings.Cut(script, "\nexec /bin/bash -c ")
	lines := strings.Split(before, "\n")
	for i, line := range lines {
		if m := linkLine.FindStringSubmatch(line); m != nil {
			kind := "file"
			if info, err := os.Stat(m[1]); err == nil && info.IsDir() {
				kind = "archive"
			}
			visibility := "public"
			if strings.Contains(m[1], "/usercache/") {
				visibility = "private"
			}
			lines[i] = line + " # " + kind + ", " + visibility
		}
	}
	return c.normalise(id, append(lines, "exec "+command))
}

// archive lists the files of the archive and the lines of those that Spark writes.
// The merged Hadoop configuration is compared by what the application sees of it.
func (c *cluster) archive(t *testing.T, id, dir string) []string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(dir, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, file)
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		switch name {
		case "__spark_hadoop_conf__.xml":
			lines = append(lines, name)
		case "__spark_conf__.properties", "__spark_dist_cache__.properties":
			for line := range strings.SplitSeq(string(data), "\n") {
				if !strings.HasPrefix(line, "#") {
					lines = append(lines, name+": "+line)
				}
			}
		default:
			lines = append(lines, fmt.Sprintf("%s: %d bytes %q", name, len(data), data[:min(len(data), 200)]))
		}
		return nil
	}))
	return c.normalise(id, lines)
}

var normalising = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`^(\.2\.5\.1 \{\.1 "__spark_conf__"; .*; \.2 )\d+(;.*)$`), "${1}SIZE$2"},
	{regexp.MustCompile(`\b1[0-9]{12}\b`), "TIME"},
	{regexp.MustCompile(`filecache/\d+`), "filecache/N"},
	{regexp.MustCompile(`LOCALIZATION_COUNTERS="[^"]*"`), "LOCALIZATION_COUNTERS"},
	{regexp.MustCompile(`'LOCALIZATION_COUNTERS' '[^']*'`), "LOCALIZATION_COUNTERS"},
	{regexp.MustCompile(`(localhost|127\.0\.0\.1):[3-6]\d{4}`), "$1:PORT"},
	{regexp.MustCompile(`(\.port(?:'| |=)+'?)\d{5}`), "${1}PORT"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`), "UUID"},
	{regexp.MustCompile(`'JVM_PID' '\d+'`), "JVM_PID"},
}

// executorSettings are in the order of a Java hash map.
var executorSettings = regexp.MustCompile(`(?:'-Dspark[^']*' )+`)

func sortedWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ") + " "
}

// normalise replaces what differs between any two applications, and sorts.
func (c *cluster) normalise(id string, lines []string) []string {
	number := strings.TrimPrefix(id, "application_")
	container := regexp.MustCompile(`container_(e\d+_)?` + number) // with an epoch after a restart
	var out []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		line = strings.NewReplacer(id, "APP", "appattempt_"+number, "ATTEMPT").Replace(container.ReplaceAllString(line, "CONTAINER"))
		for _, n := range normalising {
			line = n.pattern.ReplaceAllString(line, n.by)
		}
		line = executorSettings.ReplaceAllStringFunc(line, sortedWords)
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}
