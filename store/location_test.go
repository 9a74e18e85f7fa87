package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

func TestParseLocation(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]store.Location{
		"/data/x.csv":             {Path: "/data/x.csv"},
		"/":                       {Path: "/"},
		"/data//x/./y/":           {Path: "/data/x/y"},
		"/a b%20c#d?e=f&g":        {Path: "/a b%20c#d?e=f&g"},
		"/日本/é 😀":                 {Path: "/日本/é 😀"},
		"/a:b/c:d":                {Path: "/a:b/c:d"},
		"/..a/b../...":            {Path: "/..a/b../..."},
		"/a,../b":                 {Path: "/a,../b"},
		"/ lead":                  {Path: "/ lead"},
		`/a\*b`:                   {Path: `/a\*b`},
		"file:/x":                 {Scheme: "file", Path: "/x"},
		"file:///x y":             {Scheme: "file", Path: "/x y"},
		"file:////x":              {Scheme: "file", Path: "/x"},
		"hdfs:///data/x":          {Scheme: "hdfs", Path: "/data/x"},
		"hdfs:/data/x":            {Scheme: "hdfs", Path: "/data/x"},
		"hdfs://nn:8020/x%2F?#":   {Scheme: "hdfs", Authority: "nn:8020", Path: "/x%2F?#"},
		"hdfs://nn":               {Scheme: "hdfs", Authority: "nn", Path: "/"},
		"HDFS://nn/x":             {Scheme: "hdfs", Authority: "nn", Path: "/x"},
		"s3a://bucket/k/*.csv":    {Scheme: "s3a", Authority: "bucket", Path: "/k/*.csv"},
		"abfss://c@a.net/x":       {Scheme: "abfss", Authority: "c@a.net", Path: "/x"},
		"http://h/x.csv?v=1#part": {Scheme: "http", Authority: "h", Path: "/x.csv?v=1#part"},
	} {
		got, err := store.ParseLocation(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got, raw)
		again, err := store.ParseLocation(got.String())
		require.NoError(t, err, raw)
		require.Equal(t, got, again, "String reads back")
	}
}

func TestParseLocationRefuses(t *testing.T) {
	t.Parallel()
	for raw, says := range map[string]string{
		"":                          "empty",
		"  ":                        "empty",
		"data/x":                    "not absolute",
		"./x":                       "not absolute",
		"x.csv":                     "not absolute",
		" /x":                       "not absolute",
		"file:x":                    "not absolute",
		"file:":                     "not absolute",
		"file://":                   "not absolute",
		"hdfs:x/y":                  "not absolute",
		"jdbc:postgresql://h/db":    "not absolute",
		":/x":                       "scheme",
		"a b:/x":                    "scheme",
		"1a:/x":                     "scheme",
		"é:/x":                      "scheme",
		"//data/x":                  "host",
		"file://localhost/x":        "no host",
		"s3a:///k":                  "bucket",
		"s3a:/k":                    "bucket",
		"/a/../b":                   `".."`,
		"/..":                       `".."`,
		"hdfs://nn/a/..":            `".."`,
		"/a/{b/../../c,d}":          `".."`,
		"/a/{../b,c}":               `".."`,
		`/a/\.\./b`:                 `".."`,
		"/a\x00b":                   "control",
		"/a\nb":                     "control",
		"/a\x7fb":                   "control",
		"/a\u0085b":                 "control",
		"/\xff":                     "UTF-8",
		strings.Repeat("long", 999): "3996 bytes",
	} {
		_, err := store.ParseLocation(raw)
		require.Error(t, err, "%q", raw)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%q", raw)
		require.ErrorContains(t, err, says, "%q", raw)
		require.Less(t, len(err.Error()), 500)
	}
}

// Whatever is accepted is read the same again, and is a path every store takes.
func checkLocation(t require.TestingT, raw string) {
	loc, err := store.ParseLocation(raw)
	if err != nil {
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		return
	}
	require.NoError(t, store.CheckPath(loc.Path))
	again, err := store.ParseLocation(loc.String())
	require.NoError(t, err)
	require.Equal(t, loc, again)
}

func TestLocationProperties(t *testing.T) {
	t.Parallel()
	segment := rapid.StringMatching(`[a-z %#?:\\{},.é*\[\]]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SampledFrom([]string{"", "/", "file:/", "file:///", "hdfs:///", "hdfs://nn:1/", "s3a://b/", "//", "x:"}).Draw(t, "prefix")
		checkLocation(t, prefix+strings.Join(rapid.SliceOf(segment).Draw(t, "segments"), "/"))
	})
}

func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"/x", "hdfs://nn:8020/x", "file:///a b%20", "s3a://b", `/{../x,\.\./}`, "::", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkLocation(t, raw) })
}
