package hadoop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

func put(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

// Compared with what Configuration of Hadoop 3.4.3 makes of the same files.
func TestLoadReadsWhatIsIncluded(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	put(t, dir+"/core-site.xml", `<?xml version="1.0" encoding="ISO-8859-1"?>
<configuration xmlns:xi="http://www.w3.org/2001/XInclude">`+final("a", "1")+p("a", "2")+`
<property><value>nameless</value></property>`+p("b", "before")+`
<xi:include href="other.xml"/>
<xi:include href="sub/deep.xml"><xi:fallback>`+p("f1", "no")+`<xi:include href="gone.xml"/></xi:fallback></xi:include>
<xi:include href="gone.xml"><xi:fallback>`+p("f2", "yes")+`<xi:include href="file://`+other+`/absolute.xml"/></xi:fallback></xi:include>
<xi:include href="class-path.xml"/><xi:include/>`+p("c", "after")+p("latin", "caf\xe9")+`</configuration>`)
	put(t, dir+"/other.xml", `<?xml version="1.0" encoding="US-ASCII"?><configuration>`+p("b", "included")+p("c", "included")+`</configuration>`)
	put(t, dir+"/sub/deep.xml", `<configuration xmlns:xi="x">`+p("deep", "1")+`<xi:include href="sub/near.xml"/></configuration>`)
	put(t, dir+"/sub/near.xml", `<configuration>`+final("near", "1")+`</configuration>`)
	put(t, dir+"/hdfs-site.xml", `<configuration>`+p("near", "2")+`</configuration>`)
	put(t, other+"/absolute.xml", `<configuration>`+p("absolute", "1")+`</configuration>`)
	put(t, other+"/class-path.xml", `<configuration>`+p("path", "1")+`</configuration>`)
	put(t, other+"/yarn-site.xml", `<configuration/>`)
	want := map[string]string{
		"a": "1", "b": "included", "c": "after", "deep": "1", "near": "1", "f1": "", "f2": "yes", "absolute": "1", "path": "1", "latin": "café",
	}
	c := load(t, dir, other)
	for name, value := range want {
		require.Equal(t, value, c.Get(name), name)
	}

	content, err := os.ReadFile(dir + "/core-site.xml")
	require.NoError(t, err)
	inline, err := hadoop.InlineSite("core-site.xml", content, other, dir)
	require.NoError(t, err)
	alone := t.TempDir()
	put(t, alone+"/core-site.xml", string(inline))
	put(t, alone+"/hdfs-site.xml", `<configuration>`+p("near", "2")+`</configuration>`)
	c = load(t, alone)
	for name, value := range want {
		require.Equal(t, value, c.Get(name), name)
	}
	for _, name := range []string{"hive-site.xml", "yarn-site.xml"} {
		same, err := hadoop.InlineSite(name, []byte("<!-- includes nothing --><configuration/>"), dir)
		require.NoError(t, err)
		require.Equal(t, "<!-- includes nothing --><configuration/>", string(same))
	}
}

func TestIncludesThatAreRefused(t *testing.T) {
	t.Parallel()
	for href, want := range map[string]string{
		"http://x/y.xml": "core-site.xml:1: includes what cannot be read: http://x/y.xml is no file of this host",
		"file://x/y.xml": "is no file of this host",
		"core-site.xml":  "includes more than 100 files",
		"broken.xml":     "broken.xml:1: <html> stands where",
		".":              "is no plain file",
		"gone.xml":       "includes gone.xml, which is not there, and has no fallback",
	} {
		dir := t.TempDir()
		put(t, dir+"/broken.xml", "<html/>")
		put(t, dir+"/core-site.xml", `<configuration><xi:include href="`+href+`"/></configuration>`)
		_, err := hadoop.Load(dir)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), href)
		require.ErrorContains(t, err, want)
		content, readErr := os.ReadFile(dir + "/core-site.xml")
		require.NoError(t, readErr)
		_, err = hadoop.InlineSite("core-site.xml", content, dir)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), href)
	}
}

func TestCharacterSets(t *testing.T) {
	t.Parallel()
	for encoding, text := range map[string]string{
		"UTF-8": "é", "utf-8": "é", "US-ASCII": "e", "us-ascii": "e", "ISO-8859-1": "\xe9", "iso-8859-1": "\xe9", "latin1": "\xe9",
	} {
		properties, err := hadoop.Parse("x.xml", []byte(`<?xml version="1.0" encoding="`+encoding+`"?><configuration>`+p("a", text)+`</configuration>`), nil)
		require.NoError(t, err, encoding)
		require.Equal(t, strings.ReplaceAll(text, "\xe9", "é"), properties[0].Value, encoding)
	}
	_, err := hadoop.Parse("x.xml", []byte(`<?xml version="1.0" encoding="EBCDIC"?><configuration/>`), nil)
	require.ErrorContains(t, err, "the character set EBCDIC cannot be read; write the file in UTF-8")
	_, err = hadoop.Parse("x.xml", []byte(`<?xml version="1.0" encoding="US-ASCII"?><configuration>`+p("a", "\xe9")+`</configuration>`), nil)
	require.ErrorContains(t, err, "invalid UTF-8")
}

func TestOldNames(t *testing.T) {
	t.Parallel()
	c := load(t, write(t, map[string]string{
		"core-site.xml": p("fs.default.name", "hdfs://ns") + p("dfs.http.address", "nn:1"),
		"hdfs-site.xml": p("dfs.federation.nameservices", "ns") + p("dfs.namenode.http-address", "nn:2") + p("dfs.block.size", "7"),
	}))
	require.Equal(t, "hdfs://ns", c.DefaultFS())
	for name, want := range map[string]string{"dfs.nameservices": "ns", "dfs.namenode.http-address": "nn:2", "dfs.blocksize": "7"} {
		require.Equal(t, want, c.Get(name), name)
	}
	require.Equal(t, "hdfs://b", hadoop.New(map[string]string{"fs.default.name": "hdfs://a", "fs.defaultFS": "hdfs://b"}).DefaultFS())
}
