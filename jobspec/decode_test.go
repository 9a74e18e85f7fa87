package jobspec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

func TestParse(t *testing.T) {
	t.Parallel()
	retries, again := 0, true
	spec, err := jobspec.Parse([]byte(` {"file":"hdfs:/j.jar","className":"a.B","args":["","x y"],"conf":{"spark.A":"1","spark.a":"2"},
		"secretConf":{"spark.p":"s"},"resources":{"driverMemory":"1g","driverCores":2},"pyFiles":["a"],"jars":["b"],"files":["c"],
		"archives":["d"],"name":"n","cluster":"c","queue":"q","profile":"p","labels":{"K":"v","k":"w"},
		"timeouts":{"deadline":"1h","run":"1m"},"retry":{"infrastructureRetries":0,"rerunAfterStart":true}} `))
	require.NoError(t, err)
	require.Equal(t, jobspec.Spec{
		File: "hdfs:/j.jar", ClassName: "a.B", Args: []string{"", "x y"}, Conf: map[string]string{"spark.A": "1", "spark.a": "2"},
		SecretConf: map[string]string{"spark.p": "s"}, Resources: jobspec.Resources{DriverMemory: "1g", DriverCores: 2},
		PyFiles: []string{"a"}, Jars: []string{"b"}, Files: []string{"c"}, Archives: []string{"d"},
		Name: "n", Cluster: "c", Queue: "q", Profile: "p", Labels: map[string]string{"K": "v", "k": "w"},
		Timeouts: jobspec.Timeouts{Deadline: "1h", Run: "1m"},
		Retry:    &jobspec.Retry{InfrastructureRetries: &retries, RerunAfterStart: &again},
	}, spec)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ body, want string }{
		"empty":               {``, "body: is empty or ends too early; it must be a JSON object"},
		"cut off":             {`{"file":"a"`, "body: is empty or ends too early; it must be a JSON object"},
		"cut off in a word":   {`{"file":"a`, "body: is empty or ends too early; it must be a JSON object"},
		"no JSON":             {`file=a`, "body: is no JSON: "},
		"null":                {`null`, "body: is null; "},
		"text":                {`"x"`, "body: must be a JSON object, got string"},
		"list":                {`[{"file":"a"}]`, "body: must be a JSON object, got array"},
		"number":              {`1`, "body: must be a JSON object, got number"},
		"trailing object":     {`{"file":"a"}{}`, "body: holds more than one JSON value"},
		"trailing bracket":    {`{"file":"a"}}`, "body: holds more than one JSON value"},
		"trailing word":       {`{"file":"a"} x`, "body: holds more than one JSON value"},
		"trailing comma":      {`{"file":"a",}`, "body: is no JSON: "},
		"not UTF-8":           {"{\"file\":\"\xff\"}", "body: is not UTF-8"},
		"unknown":             {`{"flie":"a"}`, "flie: is no field here"},
		"unknown inside":      {`{"resources":{"cores":1}}`, "resources.cores: is no field here"},
		"unknown behind *":    {`{"retry":{"retries":1}}`, "retry.retries: is no field here"},
		"other letters":       {`{"File":"a"}`, "File: is no field here; write file"},
		"other letters twice": {`{"file":"a","FILE":"b"}`, "FILE: is no field here; write file"},
		"other letters below": {`{"timeouts":{"Run":"1m"}}`, "timeouts.Run: is no field here; write run"},
		"doubled":             {`{"file":"a","file":"b"}`, "file: is given twice"},
		"doubled, escaped":    {`{"file":"a","\u0066ile":"b"}`, "file: is given twice"},
		"doubled key":         {`{"conf":{"spark.a":"1","spark.a":"1"}}`, "conf.spark.a: is given twice"},
		"doubled below":       {`{"retry":{"rerunAfterStart":true,"rerunAfterStart":false}}`, "retry.rerunAfterStart: is given twice"},
		"null field":          {`{"file":null}`, "file: is null; "},
		"null in a list":      {`{"args":["a",null]}`, "args[1]: is null; "},
		"null in a map":       {`{"conf":{"spark.a":null}}`, "conf.spark.a: is null; "},
		"null object":         {`{"retry":null}`, "retry: is null; "},
		"text for a list":     {`{"args":"a b"}`, "args: must be a list, got string"},
		"number for a text":   {`{"args":[1]}`, "args: must be a text, got number"},
		"number for a conf":   {`{"conf":{"spark.a":1}}`, "conf: must be a text, got number"},
		"text for a number":   {`{"resources":{"driverCores":"2"}}`, "resources.driverCores: must be a whole number, got string"},
		"part of a number":    {`{"resources":{"driverCores":1.5}}`, "resources.driverCores: must be a whole number, got number 1.5"},
		"too great a number":  {`{"resources":{"driverCores":` + strings.Repeat("9", 1000) + `}}`, "resources.driverCores: must be a whole number, got number 999"},
		"text for true":       {`{"retry":{"rerunAfterStart":"yes"}}`, "retry.rerunAfterStart: must be true or false, got string"},
		"list for an object":  {`{"conf":["spark.a=1"]}`, "conf: must be an object, got array"},
		"list for a struct":   {`{"resources":[1]}`, "resources: must be an object, got array"},
		"too deep":            {`{"args":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`, "body: is nested too deeply"},
		"long unknown":        {`{"` + strings.Repeat("x", 10_000) + `":1}`, "xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jobspec.Parse([]byte(row.body))
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			found := job.ProblemsOf(err)
			require.Len(t, found, 1)
			require.Contains(t, found[0], row.want)
			require.True(t, strings.HasPrefix(found[0], row.want), found[0])
			require.LessOrEqual(t, len(found[0]), 600, "what a caller sends is not sent back whole")
		})
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	same := func(a, b string) bool { return jobspec.Digest([]byte(a)) == jobspec.Digest([]byte(b)) }
	require.Len(t, jobspec.Digest(nil), 64)
	require.True(t, same(`{"a":{"x":1,"y":[1,2]},"b":"é"}`, " {\n\t\"b\" : \"\\u00e9\", \"a\":{\"y\":[1, 2],\"x\":1}} "))
	require.False(t, same(`{"a":1}`, `{"a":2}`))
	require.False(t, same(`{"a":[1,2]}`, `{"a":[2,1]}`))
	require.False(t, same(`{"a":"1"}`, `{"a":1}`))
	// A caller that sends a request again sends the same bytes; whether two spellings of
	// a number are one is for nobody here to know.
	require.False(t, same(`{"a":1}`, `{"a":1.0}`))
	require.False(t, same(`{"a":10}`, `{"a":1e1}`))
	require.False(t, same(`{"a":9007199254740993}`, `{"a":9007199254740992}`), "numbers are not rounded")
	// What is no body that can be read is only itself.
	for _, wrong := range []string{`{"a":1}}`, `{"a":1}{}`, `{"a":2,"a":1}`, `{"a":1`, `{"a":1} x`} {
		require.False(t, same(`{"a":1}`, wrong), wrong)
		require.True(t, same(wrong, wrong))
		require.False(t, same(wrong, wrong+" "))
	}
	require.False(t, same("{\"a\":\"\xff\"}", "{\"a\":\"\xfe\"}"), "bytes that are no text differ")
}

// What is written by the rules of JSON means the same to Digest however it is written.
func TestDigestOfAnySpelling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOfN(rapid.String(), rapid.SliceOfN(rapid.String(), 0, 3), 0, 5).Draw(t, "value")
		plain, err := json.Marshal(value)
		require.NoError(t, err)
		spaced, err := json.MarshalIndent(value, " ", "\t")
		require.NoError(t, err)
		require.Equal(t, jobspec.Digest(plain), jobspec.Digest(spaced))
	})
}

func TestParseReadsWhatSpecWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 20, 40)
		spec := jobspec.Spec{
			File: text.Draw(t, "file"), Name: text.Draw(t, "name"),
			Args:      rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "args"),
			Conf:      rapid.MapOfN(text, rapid.String(), 1, 3).Draw(t, "conf"),
			Resources: jobspec.Resources{NumExecutors: rapid.Int().Draw(t, "executors")},
		}
		data, err := json.Marshal(spec)
		require.NoError(t, err)
		read, err := jobspec.Parse(data)
		require.NoError(t, err)
		require.Equal(t, spec, read)
	})
}
