package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
)

// roles of the units, by their commands.
var roles = []string{"worker", "starter", "api"}

// installed is where the units expect the binary.
const installed = "/usr/local/bin/stoker"

func unitFile(role string) string { return "stoker-" + role + ".service" }

// settings of a unit, by section and key; a key that is there twice has its last
// value.
func settings(t testing.TB, role string) map[string]string {
	t.Helper()
	options, err := unit.DeserializeOptions(strings.NewReader(contentOf(t, "deploy", "systemd", unitFile(role))))
	require.NoError(t, err)
	found := map[string]string{}
	for _, o := range options {
		found[o.Section+"/"+o.Name] = o.Value
	}
	return found
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		s := settings(t, role)
		require.Equal(t, installed+" "+role+" --config /etc/stoker/stoker.yaml", s["Service/ExecStart"])
		require.NoError(t, exec.CommandContext(t.Context(), builtBinary(t), role, "--help").Run(), "the binary has the command")
		for key, value := range map[string]string{
			"Unit/After": "network-online.target", "Unit/Wants": "network-online.target", "Install/WantedBy": "multi-user.target",
			"Service/User": "stoker", "Service/UMask": "0077", "Service/Restart": "always", "Service/NoNewPrivileges": "yes",
		} {
			require.Equal(t, value, s[key], "%s: %s", role, key)
		}
	}
}

// What the unit of the worker must have, and must not, so that applications outlive
// it. dev/faults stops a worker as its KillMode says.
func TestUnitOfWorkerLetsApplicationsLive(t *testing.T) {
	t.Parallel()
	s := settings(t, "worker")
	require.Equal(t, "process", s["Service/KillMode"])
	require.Equal(t, "continue", s["Service/OOMPolicy"])
	for _, key := range []string{
		"PrivateTmp", "PrivatePIDs", "ProtectProc", "PrivateUsers", "PrivateMounts", "RuntimeMaxSec", "SendSIGHUP", "RuntimeDirectory",
	} {
		require.NotContains(t, s, "Service/"+key)
	}
	stopping, err := time.ParseDuration(s["Service/TimeoutStopSec"])
	require.NoError(t, err)
	require.Greater(t, stopping, config.Default().Worker.StopTimeout)
}

// The API and the worker of a local cluster write below /var/lib/stoker, whichever comes
// first.
func TestUnitsMakeTheDirectoryOfState(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"worker", "api"} {
		s := settings(t, role)
		require.Equal(t, "stoker", s["Service/StateDirectory"], role)
		require.Equal(t, "0700", s["Service/StateDirectoryMode"], role)
	}
}

// envUnverified lets the tests pass where there is no systemd-analyze: the units are
// only parsed then.
const envUnverified = "STOKER_UNITS_UNVERIFIED"

// analyzer finds systemd-analyze: the machine's own, else what make systemd has
// fetched.
func analyzer(t testing.TB) (program string, ok bool) {
	t.Helper()
	if own, err := exec.LookPath("systemd-analyze"); err == nil {
		return own, true
	}
	fetched := filepath.Join(repository(t), ".tools", "systemd", "systemd-analyze")
	if _, err := os.Stat(fetched); err == nil {
		return fetched, true
	}
	require.NotEmpty(t, os.Getenv(envUnverified), "there is no systemd-analyze to verify the units with: run make systemd, or "+
		"install systemd; where neither is possible, set %s=1, and the units are parsed only", envUnverified)
	return "", false
}

// systemd itself finds nothing wrong with the units, and would if there were.
func TestUnitsVerified(t *testing.T) {
	t.Parallel()
	program, ok := analyzer(t)
	if !ok {
		t.Logf("%s is set: the units are not verified", envUnverified)
		return
	}
	verify := func(role, from, to string) string {
		dir := t.TempDir()
		text := contentOf(t, "deploy", "systemd", unitFile(role))
		require.Contains(t, text, from)
		text = strings.ReplaceAll(strings.ReplaceAll(text, from, to), installed, builtBinary(t))
		path := filepath.Join(dir, unitFile(role))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		// Its exit status depends on other units and on its version.
		out, _ := exec.CommandContext(t.Context(), program, "verify", "--man=no", path).CombinedOutput() //nolint:gosec // systemd
		var ours []string
		for line := range strings.SplitSeq(string(out), "\n") {
			if strings.Contains(line, unitFile(role)) {
				ours = append(ours, line)
			}
		}
		return strings.Join(ours, "\n")
	}
	for _, role := range roles {
		require.Empty(t, verify(role, "[Service]", "[Service]"))
		require.Contains(t, verify(role, "Restart=", "Restrat="), "Restrat")
		require.Contains(t, verify(role, installed, "/nowhere/stoker"), "/nowhere/stoker")
	}
}
