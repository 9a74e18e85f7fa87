package submission

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/spark/properties"
)

// vectors are inputs, mostly random, with the results of Java 17 and Spark 3.5.9:
// Properties.load and store, java.net.URI, Utils.splitCommandString,
// YarnSparkHadoopUtil.escapeForShell, JavaUtils.byteStringAsMb and timeStringAs.
type vectors struct {
	Load         [][2]json.RawMessage // text → properties, null if refused
	Store        [][3]string          // key, value → line
	URI          [][4]string          // path, fragment → URI with and without the fragment
	Split        [][2]json.RawMessage // options → words
	Quote        [][2]string
	Mebibytes    [][2]json.RawMessage // size → MiB, null if refused
	Milliseconds [][2]json.RawMessage
}

func loadVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/spark.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(data, &v))
	require.NotEmpty(t, v.Load)
	return v
}

func decode[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(raw, &v))
	return v
}

func TestPropertiesLikeJava(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	for _, pair := range v.Load {
		text := decode[string](t, pair[0])
		got, err := properties.Read([]byte(text))
		if want := decode[map[string]string](t, pair[1]); want == nil {
			require.Error(t, err, "%q", text)
		} else {
			require.NoError(t, err, "%q", text)
			require.Equal(t, want, got, "%q", text)
		}
	}
	for _, triple := range v.Store {
		got := properties.Write("t", map[string]string{triple[0]: triple[1]})
		require.Equal(t, "#t\n"+triple[2]+"\n", string(got), "%q", triple)
		back, err := properties.Read(got)
		require.NoError(t, err)
		require.Equal(t, map[string]string{triple[0]: triple[1]}, back)
	}
}

func TestURIsLikeJava(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).URI {
		l := location{scheme: "hdfs", authority: "h:1", path: v[0]}
		require.Equal(t, v[2], l.named(v[1]), "%q", v)
		require.Equal(t, v[3], l.String(), "%q", v)
	}
}

func TestQuotingLikeSpark(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	for _, pair := range v.Quote {
		require.Equal(t, pair[1], sparkQuoted(pair[0]), "%q", pair[0])
		if !strings.ContainsAny(pair[0], "\\`{}<>") {
			require.Equal(t, pair[1], argument(pair[0]), "%q", pair[0])
		}
	}
	for _, pair := range v.Split {
		options, want := decode[string](t, pair[0]), decode[[]string](t, pair[1])
		require.Equal(t, want, append([]string{}, splitCommand(options)...), "%q", options)
	}
}

func TestQuantitiesLikeSpark(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	for _, pair := range v.Mebibytes {
		text, want := decode[string](t, pair[0]), decode[*int64](t, pair[1])
		got, err := ParseSize(text, Mebibyte)
		if want == nil || *want > 1<<43 { // more than an int64 of bytes is nobody's memory
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, *want, got/Mebibyte, text)
	}
	for _, pair := range v.Milliseconds {
		text, want := decode[string](t, pair[0]), decode[*int64](t, pair[1])
		got, err := ParseDuration(text, time.Millisecond)
		if want == nil || *want < 0 || *want > 1<<43 {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, *want, got.Milliseconds(), text)
	}
}
