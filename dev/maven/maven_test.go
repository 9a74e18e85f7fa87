package maven

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func silent(string) {}

// Without Maven one is fetched; a mirror that is dead, refuses or lies is named
// together with what to do.
func TestMavenMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	lying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/empty/") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("<html>log in</html>"))
	}))
	defer lying.Close()
	for mirror, want := range map[string]string{
		"http://127.0.0.1:1":   "connection refused",
		lying.URL + "/empty/":  "404 Not Found",
		lying.URL + "/portal/": "is not Maven " + version,
	} {
		t.Setenv(envCentral, mirror)
		_, err := Find(t.Context(), t.TempDir(), silent)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "apt-get install maven")
		require.ErrorContains(t, err, envCentral)
	}
}

// What Maven brings is used only if it is what was asked for; what Maven says when
// it brings nothing is passed on.
func TestFetch(t *testing.T) {
	a := Artifact{
		Group: "g", Name: "a", Version: "1",
		SHA256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", // of "foo"
	}
	for name, row := range map[string]struct{ script, problem string }{
		"as asked for":    {`printf foo >"$dir/a-1.jar"`, ""},
		"something else":  {`printf bar >"$dir/a-1.jar"`, "is not g:a:1"},
		"nothing":         {`exit 0`, "no such file"},
		"out of reach":    {`echo "[ERROR] Unknown host"; exit 1`, "fetch g:a:1 from Maven Central: exit status 1; Maven's last words:\n[ERROR] Unknown host"},
		"another version": {`printf foo >"$dir/a-2.jar"`, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			bin, dir := t.TempDir(), t.TempDir()
			mvn := "#!/bin/sh\ndir=" + dir + "\n" + row.script + "\n"
			require.NoError(t, os.WriteFile(filepath.Join(bin, "mvn"), []byte(mvn), 0o700)) //nolint:gosec // a program
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			jar, err := Fetch(t.Context(), t.TempDir(), dir, a, silent)
			if row.problem != "" {
				require.ErrorContains(t, err, row.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, filepath.Join(dir, "a-1.jar"), jar)
		})
	}
}
