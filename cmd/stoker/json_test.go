package main

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Every command that has a result has it as JSON too: not roles, which run, nor logs,
// which are bytes.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	t.Parallel()
	without := []string{"stoker worker", "stoker starter", "stoker api", "stoker logs", "stoker supervise"}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if cmd.RunE != nil && !cmd.Hidden && !slices.Contains(without, cmd.CommandPath()) {
			require.NotNil(t, cmd.Flags().Lookup("output"), cmd.CommandPath())
		}
	}
	walk(rootCommand())
}

func TestWhatIsPrintedAsJSON(t *testing.T) {
	t.Parallel()
	var version struct{ Version string }
	require.NoError(t, json.Unmarshal([]byte(stoker(t, nil, "version", "-o", "json").stdout), &version))
	require.NotEmpty(t, version.Version)

	got := stoker(t, nil, "admin", "token", "--user", "ana", "--role", "user,admin", "-o", "json")
	require.Zero(t, got.code, got.stderr)
	require.Empty(t, got.stderr)
	var token struct {
		Token string
		User  struct {
			Name          string
			Roles, Tokens []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &token))
	require.Len(t, token.Token, 43)
	require.Equal(t, "ana", token.User.Name)
	require.Equal(t, []string{"user", "admin"}, token.User.Roles)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, token.User.Tokens[0])

	h := newHome(t)
	got = h.run(nil, "context", "set", "one", "--server", "http://localhost:1/", "-o", "json")
	require.JSONEq(t, `{"name":"one","server":"http://localhost:1","current":true,"hasToken":false}`, got.stdout)
	require.JSONEq(t, got.stdout, h.run(nil, "context", "use", "one", "-o", "json").stdout)
	require.JSONEq(t, `{"deleted":"one"}`, h.run(nil, "context", "delete", "one", "-o", "json").stdout)
}
