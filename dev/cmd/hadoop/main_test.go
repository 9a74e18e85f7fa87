package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// make gives hadoop-up and hadoop-down the same HADOOP_ARGS.
func TestDownTakesWhatUpWasGiven(t *testing.T) {
	t.Parallel()
	root := command()
	root.SetArgs([]string{
		"down", "--state", t.TempDir(), "--port-offset", "300", "--set", "NodeManager:a=b", "--fresh", "--version", "3.4.3", "--java-home", "/j", "--tools", "/t",
	})
	require.NoError(t, root.ExecuteContext(t.Context()))
}
