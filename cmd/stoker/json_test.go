package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Every command that has a result has it as JSON too: not roles, which run.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	t.Parallel()
	without := []string{"stoker worker", "stoker starter", "stoker api", "stoker supervise"}
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

func TestErrorsAsJSON(t *testing.T) {
	t.Parallel()
	f := newFakeAPI(t)
	says := func(args ...string) string {
		got := stoker(t, f.env(), args...)
		require.Equal(t, 1, got.code, args)
		require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
		return got.stderr
	}
	require.JSONEq(t, `{"error":"unknown flag: --nonsense"}`, says("list", "--nonsense", "-o", "json"))
	require.JSONEq(t, `{"error":"unknown flag: --nonsense"}`, says("list", "--output=json", "--nonsense"))
	require.JSONEq(t, `{"error":"unknown command \"nonsense\" for \"stoker\""}`, says("nonsense", "-ojson"))
	require.JSONEq(t, `{"error":"--limit must be at least 1, got 0; --all lists all there are"}`, says("list", "-o", "json", "--limit", "0"))
	require.JSONEq(t, `{"error":"configuration file /no/such.yaml does not exist; name one with --config"}`, says("admin", "sweep", "-o", "json", "--config", "/no/such.yaml"))
	require.JSONEq(t, `{"error":"the job cannot be run","problems":["args[0]: is not UTF-8"]}`, says("submit", "-o", "json", "local:/a.py", "\xff"))
	require.JSONEq(t, `{"error":"look at job x: there is no job \"x\"","status":404,"title":"Not Found","detail":"there is no job \"x\""}`, says("status", "x", "-o", "json"))
	f.override = func(w http.ResponseWriter, _ *http.Request) bool {
		answer(w, 400, "application/problem+json", `{"title":"Bad Request","detail":"no list","problems":["user: x","label: <y>"],"requestId":"r7"}`)
		return true
	}
	got := says("list", "-o", "json")
	require.JSONEq(t, `{"error":"list jobs: no list","problems":["user: x","label: <y>"],"status":400,"title":"Bad Request","detail":"no list","requestId":"r7"}`, got)
	require.Contains(t, got, "<y>")
	f.override = func(w http.ResponseWriter, _ *http.Request) bool { answer(w, 500, "text/html", "<html>"); return true }
	require.Contains(t, says("list", "-o", "json"), `"status":500}`)
	f.override = nil

	// The program's own words are not stoker's, and who reads text gets text.
	require.True(t, strings.HasPrefix(stoker(t, f.env(), "submit", "no.py", "-o", "json").stderr, "stoker: not all files"))
	require.True(t, strings.HasPrefix(stoker(t, f.env(), "list", "--nonsense", "-o", "text").stderr, "stoker: unknown flag"))

	// A job that ended otherwise is an error too; the job itself stands on stdout.
	f.looks = []string{failed}
	waited := stoker(t, f.env(), "submit", "-o", "json", "--wait", "local:/a.py")
	require.Equal(t, 1, waited.code)
	require.JSONEq(t, aJob("api-1", failed), waited.stdout)
	lines := strings.Split(strings.TrimSpace(waited.stderr), "\n")
	require.JSONEq(t, `{"error":"job api-1: failed (application): ValueError: \u001b[31mno"}`, lines[len(lines)-1])
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
