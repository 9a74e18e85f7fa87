package packaging

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// load reads docker-compose.yml as Docker Compose would, with these variables and
// nothing else of the environment.
func load(t testing.TB, dir string, environment ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "docker-compose.yml")}, cli.WithWorkingDirectory(dir), cli.WithEnv(environment))
	require.NoError(t, err)
	require.NoError(t, cli.WithDefaultProfiles()(options))
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestComposeIsPinnedAndOnLoopback(t *testing.T) {
	t.Parallel()
	project := load(t, repository(t), "COMPOSE_PROFILES=model-manage", "STOKER_VERSION=1.2.3")
	require.NotEmpty(t, project.Services)
	jobs := map[string]bool{} // they end, and others wait for that
	for _, s := range project.Services {
		for name, dependency := range s.DependsOn {
			require.Contains(t, project.Services, name)
			if dependency.Condition == types.ServiceConditionCompletedSuccessfully {
				jobs[name] = true
			}
			if dependency.Condition == types.ServiceConditionHealthy {
				require.NotNil(t, project.Services[name].HealthCheck, "%s waits for the health of %s", s.Name, name)
			}
		}
	}
	for name, s := range project.Services {
		require.Regexp(t, pinned, s.Image, name)
		require.Equal(t, s.Build != nil, strings.HasPrefix(s.Image, "stoker"), "%s: ours are built, and nothing else", name)
		if s.Build != nil {
			require.Equal(t, repository(t), s.Build.Context)
			require.NotEmpty(t, imageOf(t, s.Build.Target).entrypoint)
			require.Equal(t, []string{"ALL"}, s.CapDrop)
		}
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s: port %d", name, port.Target)
		}
		if jobs[name] {
			require.Contains(t, []string{"", "no"}, s.Restart, "%s has done its work", name)
			continue
		}
		require.Equal(t, types.RestartPolicyUnlessStopped, s.Restart, name)
		if name != "ui" { // on which nothing depends
			require.NotNil(t, s.HealthCheck, name)
		}
	}
}

// Nothing secret lies in the repository, and jobs come without a model-manage, too.
func TestComposeWithoutModelManage(t *testing.T) {
	t.Parallel()
	project := load(t, repository(t))
	require.NotContains(t, project.Services, "starter", "it has nothing to do")
	for _, name := range []string{"worker", "api"} {
		environment := project.Services[name].Environment
		for _, key := range []string{"STOKER_MODELMANAGE__BASEURL", "STOKER_MODELMANAGE__TOKENFILE"} {
			require.Empty(t, *environment[key], "%s of %s", key, name)
		}
	}
	require.Equal(t, "/dev/null", project.Secrets["model-manage-token"].File)
	ignored := strings.Fields(contentOf(t, ".gitignore"))
	users, err := filepath.Rel(repository(t), project.Secrets["users"].File)
	require.NoError(t, err)
	require.Contains(t, ignored, "/"+users)
	require.NotRegexp(t, `sha256:[0-9a-f]{64}`, contentOf(t, "docker-compose.yml")+contentOf(t, "deploy", "compose", "stoker.yaml"))
}
