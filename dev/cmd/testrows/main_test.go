package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	good = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet words\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1.234}
{"Action":"skip","Package":"p","Test":"TestB","Elapsed":0}
{"Action":"pass","Package":"p","Elapsed":1.3}
`
	bad = `{"Action":"output","Package":"q","Test":"TestC","Output":"why it failed\n"}
{"Action":"fail","Package":"q","Test":"TestC","Elapsed":0.1}
{"Action":"fail","Package":"q","Elapsed":0.2}
`
	unbuilt = `{"ImportPath":"r","Action":"build-output","Output":"r.go:1: wrong\n"}
{"ImportPath":"r","Action":"build-fail"}
{"Action":"fail","Package":"r","Elapsed":0}
`
	died = `{"Action":"output","Package":"s","Test":"TestD","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"s","Elapsed":60}
`
)

func TestRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in, says string
		ok       bool
	}{
		"good":    {good, "1 tests passed, 0 failed, 1 skipped", true},
		"failed":  {good + bad, "why it failed", false},
		"unbuilt": {unbuilt, "r.go:1: wrong", false},
		"died":    {good + died, "panic: test timed out", false},
		"counted": {good + died, "1 tests passed, 1 failed", false},
		"words":   {"go: no such tool\n" + good, "go: no such tool", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			ok, err := run(strings.NewReader(tt.in), &out, "x", "")
			require.NoError(t, err)
			require.Equal(t, tt.ok, ok, out.String())
			require.Contains(t, out.String(), tt.says)
			require.NotContains(t, out.String(), "quiet words")
		})
	}
}

func TestSaveReplacesASuite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rows.json")
	for _, step := range []struct{ suite, in string }{{"a", good + bad}, {"b", good}, {"a", good}} {
		_, err := run(strings.NewReader(step.in), &bytes.Buffer{}, step.suite, file)
		require.NoError(t, err)
	}
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(data), `"machine"`))
	require.Equal(t, 2, strings.Count(string(data), `"test": "TestA"`))
	require.NotContains(t, string(data), "TestC")
	require.Contains(t, string(data), `"seconds": 1.23`)
	require.NoError(t, os.WriteFile(file, []byte("junk"), 0o600))
	_, err = run(strings.NewReader(good), &bytes.Buffer{}, "a", file)
	require.Error(t, err)
}
