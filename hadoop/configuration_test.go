package hadoop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// write makes a configuration directory of files and their properties' XML.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, properties := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("<?xml version=\"1.0\"?>\n<configuration>\n"+properties+"\n</configuration>\n"), 0o600))
	}
	return dir
}

func p(name, value string) string {
	return "<property><name>" + name + "</name><value>" + value + "</value></property>\n"
}

func final(name, value string) string {
	return "<property><name>" + name + "</name><value>" + value + "</value><final>true</final></property>\n"
}

func load(t *testing.T, dirs ...string) *hadoop.Configuration {
	t.Helper()
	c, err := hadoop.Load(dirs...)
	require.NoError(t, err)
	return c
}

func TestLoad(t *testing.T) {
	t.Parallel()
	first := write(t, map[string]string{
		"core-site.xml": p("a", "1") + p("a", "2") + final("fixed", "core") + p(" spaced ", "\n  x y \n") + p("empty", "") +
			"<property><name>none</name></property>" +
			`<property name="attribute" value="yes" final="true"/>` + p("é&amp;", "&lt;ü&gt;"),
		"hdfs-site.xml": p("a", "hdfs") + p("fixed", "hdfs") + p("attribute", "no"),
	})
	second := write(t, map[string]string{
		"core-site.xml":   p("a", "hidden") + p("only-here", "hidden"),
		"mapred-site.xml": p("m", "mapred") + p("y", "mapred"),
		"yarn-site.xml":   p("y", "yarn"),
	})
	c := load(t, first, second)
	for name, want := range map[string]string{
		"a": "hdfs", "fixed": "core", "spaced": "x y", "empty": "", "none": "", "attribute": "yes", "é&": "<ü>",
		"only-here": "", "m": "mapred", "y": "mapred",
	} {
		require.Equal(t, want, c.Get(name), name)
	}
	require.Equal(t, "hidden", load(t, second, first).Get("only-here"))
}

func TestLoadNamesFileAndLine(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"<configuration>\n<property>\n<name>a</name></propert>": "core-site.xml:3: element <property> closed by </propert>",
		"<configuration>\n<property>":                           "core-site.xml:2: unexpected EOF",
		"":                                                      "core-site.xml:1: there is no <configuration>",
		"<html>":                                                "core-site.xml:1: <html> stands where <configuration> should",
		"<configuration>\n<xi:include href=\"x.xml\"/></configuration>": "core-site.xml:2: includes x.xml, which is not there, and has no fallback",
		"<configuration>&unknown;</configuration>":                      "core-site.xml:1: invalid character entity",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "core-site.xml"), []byte(content), 0o600))
		_, err := hadoop.Load(dir)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), content)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, dir)
	}
}

func TestLoadNeedsFiles(t *testing.T) {
	t.Parallel()
	good := write(t, map[string]string{"core-site.xml": p("a", "1")})
	for _, dirs := range [][]string{{}, {t.TempDir()}, {good, t.TempDir()}, {good + "/none"}} {
		_, err := hadoop.Load(dirs...)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%v", dirs)
	}
	_, err := hadoop.Load(good, good)
	require.NoError(t, err, "what is hidden is there all the same")
}

func TestLoadBoundsFiles(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"core-site.xml": strings.Repeat(p("a", strings.Repeat("x", 1000)), 2200)})
	_, err := hadoop.Load(dir)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
}

func TestVariables(t *testing.T) {
	t.Setenv("STOKER_TEST_SET", "from the environment")
	t.Setenv("STOKER_TEST_EMPTY", "")
	t.Setenv("STOKER_TEST_UNSET", "")
	require.NoError(t, os.Unsetenv("STOKER_TEST_UNSET"))
	c := hadoop.New(map[string]string{
		"host": "nn", "port": "8020", "address": "${host}:${port}", "deep": "hdfs://${address}/${name${n}}", "n": "1", "name1": "x",
		"self": "a ${self} b", "round": "${trip}", "trip": "${round}", "chain": "${deep}",
		"unknown": "${host} ${nobody.has.this} ${port}", "open": "${host", "blank": "${}", "dollar": "$host ${ho st} $$",
		"set": "${env.STOKER_TEST_SET}", "unset": "${env.STOKER_TEST_UNSET}", "otherwise": "${env.STOKER_TEST_UNSET-x-y}",
		"empty": "[${env.STOKER_TEST_EMPTY-x}]", "emptyToo": "[${env.STOKER_TEST_EMPTY:-x}]", "list": " a, ${host} ,,b ",
	})
	for name, want := range map[string]string{
		"address": "nn:8020", "deep": "hdfs://nn:8020/x", "chain": "hdfs://nn:8020/x",
		"self": "a ${self} b", "round": "${trip}", "unknown": "nn ${nobody.has.this} ${port}",
		"open": "${host", "blank": "${}", "dollar": "$host ${ho st} $$",
		"set": "from the environment", "unset": "${env.STOKER_TEST_UNSET}", "otherwise": "x-y", "empty": "[]", "emptyToo": "[x]",
	} {
		require.Equal(t, want, c.Get(name), name)
	}
	require.Equal(t, []string{"a", "nn", "b"}, c.Strings("list"))
}

func TestVariablesNeverHang(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`(\$\{[a-c]\}|\$|\{|\}|[a-c ]){0,12}`)
		c := hadoop.New(map[string]string{"a": value.Draw(t, "a"), "b": value.Draw(t, "b"), "c": value.Draw(t, "c")})
		require.Less(t, len(c.Get("a")), 1<<20)
	})
}

func TestWith(t *testing.T) {
	t.Parallel()
	c := hadoop.New(map[string]string{"a": "1", "b": "2"})
	changed := c.With(map[string]string{"a": "3", "c": "${b}"})
	require.Equal(t, "1", c.Get("a"))
	require.Equal(t, "3", changed.Get("a"))
	require.Equal(t, "2", changed.Get("c"))
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "0": 0, "134217728": 128 << 20, "128m": 128 << 20, "1G": 1 << 30, "2k": 2048, "1t": 1 << 40} {
		n, err := hadoop.New(map[string]string{"x": text}).Size("x")
		require.NoError(t, err, text)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"-1", "x", "m", "1.5g", "9223372036854775807k", "1 m"} {
		_, err := hadoop.New(map[string]string{"x": text}).Size("x")
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), text)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("<configuration>" + p("a", "${b}") + final("b", "${a}") + "</configuration>"))
	f.Add([]byte(`<configuration><property name="a" value="b"/></configuration>`))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "core-site.xml"), content, 0o600))
		c, err := hadoop.Load(dir)
		if err != nil {
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			return
		}
		_ = c.Get("a")
		_, _ = c.NameNodes("")
		_, _ = c.ResourceManagers()
	})
}
