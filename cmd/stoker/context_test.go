package main

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/api"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/telemetry"
)

// home is a user's own directory of configuration.
type home struct {
	t   *testing.T
	dir string
}

func newHome(t *testing.T) home { return home{t, t.TempDir()} }

func (h home) file() string { return filepath.Join(h.dir, "stoker", "contexts.yaml") }

func (h home) run(environ []string, args ...string) ended {
	return stoker(h.t, append([]string{"XDG_CONFIG_HOME=" + h.dir}, environ...), args...)
}

// set runs stoker context set with a token on stdin.
func (h home) set(token string, args ...string) ended {
	self, err := os.Executable()
	require.NoError(h.t, err)
	cmd := exec.CommandContext(h.t.Context(), self, append([]string{"context", "set", "--token-stdin"}, args...)...)
	cmd.Env = []string{asStoker + "=1", "XDG_CONFIG_HOME=" + h.dir, "GOCOVERDIR=" + h.t.TempDir()}
	cmd.Stdin = strings.NewReader(token)
	said, _ := cmd.CombinedOutput() // the exit status is compared
	return ended{code: cmd.ProcessState.ExitCode(), stderr: string(said)}
}

func TestContexts(t *testing.T) {
	t.Parallel()
	h, one, two := newHome(t), newFakeAPI(t), newFakeAPI(t)
	require.Equal(t, ended{}, h.set("hush-1\n", "one", "--server", one.url+"/"))
	require.Zero(t, h.run(nil, "context", "set", "two", "--server", two.url, "--token-file", file(t, "token", "hush-2")).code)
	info, err := os.Stat(h.file())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	got := h.run(nil, "context", "list")
	require.Regexp(t, `^ +NAME +SERVER +TOKEN\n\* +one +`+one.url+` +yes\n +two +`+two.url+` +yes\n$`, got.stdout)
	got = h.run(nil, "context", "list", "-o", "json")
	require.JSONEq(t, `{"contexts":[{"name":"one","server":"`+one.url+`","current":true,"hasToken":true},{"name":"two","server":"`+two.url+`","current":false,"hasToken":true}]}`, got.stdout)
	require.NotContains(t, got.stdout, "hush")

	// Each server gets the token that is for it.
	environ := []string{"STOKER_SERVER=" + two.url, "STOKER_TOKEN=hush-3"}
	for _, row := range []struct {
		environ []string
		args    []string
		f       *fakeAPI
		token   string
	}{
		{nil, nil, one, "Bearer hush-1"},
		{nil, []string{"--context", "two"}, two, "Bearer hush-2"},
		{environ, nil, two, "Bearer hush-3"},
		{environ[:1], nil, two, ""},
		{environ[1:], nil, one, "Bearer hush-3"},
		{environ, []string{"--context", "one"}, one, "Bearer hush-1"},
		{environ, []string{"--server", one.url}, one, "Bearer hush-3"},
		{nil, []string{"--server", one.url}, one, ""},
	} {
		got := h.run(row.environ, append([]string{"clusters"}, row.args...)...)
		require.Zero(t, got.code, got.stderr)
		require.Len(t, row.f.tokens, 1, "%v", row.args)
		require.Equal(t, row.token, row.f.tokens[0], "%v %v", row.environ, row.args)
		one.tokens, two.tokens = nil, nil
	}

	require.Zero(t, h.run(nil, "context", "use", "two").code)
	require.Zero(t, h.run(nil, "clusters").code)
	require.Equal(t, []string{"Bearer hush-2"}, two.tokens)

	// A token stays with its server.
	require.Empty(t, h.run(nil, "context", "set", "two", "--server", two.url).stderr)
	got = h.run(nil, "context", "set", "two", "--server", one.url)
	require.Zero(t, got.code)
	require.Contains(t, got.stderr, "the token for "+two.url+" was dropped")
	one.tokens = nil
	require.Zero(t, h.run(nil, "clusters").code)
	require.Equal(t, []string{""}, one.tokens)

	require.True(t, strings.HasPrefix(h.run(nil, "__complete", "context", "use", "").stdout, "one\t"+one.url+"\ntwo\t"))
	require.Zero(t, h.run(nil, "context", "delete", "one").code)
	require.Zero(t, h.run(nil, "context", "delete", "two").code)
	data, err := os.ReadFile(h.file())
	require.NoError(t, err)
	require.NotContains(t, string(data), "hush")
	require.Contains(t, h.run(nil, "context", "use", "two").stderr, `there is no context "two": stoker context set two --server URL makes it`)
}

func TestATokenThatOthersCanReadIsNotUsed(t *testing.T) {
	t.Parallel()
	h, f := newHome(t), newFakeAPI(t)
	require.Zero(t, h.set("hush-1", "one", "--server", f.url).code)
	require.NoError(t, os.Chmod(h.file(), 0o640))
	got := h.run(nil, "clusters")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "others than you can read it: chmod 600 "+h.file())
	require.NotContains(t, got.stderr, "hush")
	require.Empty(t, f.seen())
	require.Zero(t, h.run([]string{"STOKER_TOKEN=x"}, "clusters").code, "it is not needed here")

	open := file(t, "token", "hush-2")
	require.NoError(t, os.Chmod(open, 0o644))
	got = h.run(nil, "context", "set", "two", "--server", f.url, "--token-file", open)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "others than you can read the token in "+open)

	require.NoError(t, os.WriteFile(h.file(), []byte("contexts: {one: {server: x, token: [hush-3]}}"), 0o600))
	got = h.run(nil, "context", "list")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "cannot be read as YAML")
	require.NotContains(t, got.stderr, "hush")
}

func TestContextMistakes(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	require.Contains(t, h.set("hush\n", "a", "--server", "http://stoker.example").stderr, "warning: http://stoker.example is not https")
	require.Empty(t, h.set("hush\n", "a", "--server", "https://stoker.example").stderr)
	for want, args := range map[string][]string{
		"context b has no server: name it with --server": {"set", "b"},
		"the name of a context must be":                  {"set", "a/b", "--server", "http://x"},
		"the server's address must be such as":           {"set", "b", "--server", "x:1"},
		"use one of them":                                {"set", "b", "--server", "http://x", "--token-stdin", "--token-file", "x"},
		"there is no token in stdin":                     {"set", "b", "--server", "http://x", "--token-stdin"},
		`there is no context "b"; there are a`:           {"use", "b"},
		"read the token: open /no/such":                  {"set", "b", "--server", "http://x", "--token-file", "/no/such"},
	} {
		got := h.run(nil, append([]string{"context"}, args...)...)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, want)
	}
	got := h.set("two words", "b", "--server", "http://x")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "what is in stdin is no token: it must be one word")
}

// What "admin token" prints is what the API takes.
func TestAdminToken(t *testing.T) {
	t.Parallel()
	got := stoker(t, nil, "admin", "token", "--user", "007", "--role", "user", "--role", "admin")
	require.Zero(t, got.code, got.stderr)
	token := strings.TrimSpace(got.stdout)
	require.Len(t, token, 43, "256 bits")
	require.NotContains(t, got.stderr, token)
	require.NotEqual(t, got.stdout, stoker(t, nil, "admin", "token", "--user", "007").stdout)

	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	server, err := api.New(api.Options{
		Jobs: (*jobs.Service)(nil), UsersFile: file(t, "users.yaml", got.stderr), RatePerSecond: 10, Burst: 10, Metrics: metrics,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err, got.stderr)
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	// The list is refused for its limit, which only users learn.
	environ := []string{"STOKER_SERVER=" + listening.URL}
	require.Contains(t, stoker(t, append(environ, "STOKER_TOKEN="+token), "list", "--phase", "a", "--limit", "1", "--outcome", "b", "--label", "x=\"").stderr, "list jobs: the list cannot be made")
	require.Contains(t, stoker(t, append(environ, "STOKER_TOKEN=x"), "list").stderr, "the token is none that this server knows")

	require.Contains(t, stoker(t, nil, "admin", "token").stderr, `required flag(s) "user" not set`)
	require.Contains(t, stoker(t, nil, "admin", "token", "--user", "a b").stderr, "--user must be letters")
	require.Contains(t, stoker(t, nil, "admin", "token", "--user", "a", "--role", "root").stderr, "--role must be one of user, admin, model-manage, metrics")
}
