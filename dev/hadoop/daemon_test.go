package hadoop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJavaMissing(t *testing.T) {
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", t.TempDir())
	_, err := Up(t.Context(), Options{State: t.TempDir(), Tools: t.TempDir()})
	require.EqualError(t, err, "no Java: install Java 17 (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME")
	_, err = findJava("/nowhere")
	require.ErrorContains(t, err, "no bin/java in the Java home /nowhere")
}

// fakeJava is a Java home whose java is a shell script.
func fakeJava(t *testing.T, script string) string {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "java"), []byte("#!/bin/sh\n"+script+"\n"), 0o755)) //nolint:gosec // a program
	return home
}

func TestDaemonThatEndsAtItsStart(t *testing.T) {
	t.Parallel()
	c := cluster(t, 44000, nil) // where no other cluster answers
	c.JavaHome = fakeJava(t, "echo java.lang.IllegalStateException: no luck\nprintf '\\tat a.b.C\\n'\nexit 1")
	log, err := c.openLog(ResourceManager)
	require.NoError(t, err)
	_, err = log.WriteString("the run before\n")
	require.NoError(t, err)
	require.NoError(t, log.Close())

	require.NoError(t, c.start(ResourceManager))
	err = c.await(t.Context(), ResourceManager)
	require.EqualError(t, err, "the ResourceManager ended at its start; the end of "+c.State+"/logs/ResourceManager.log:\n"+
		"  java.lang.IllegalStateException: no luck")
}

func TestDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	c := cluster(t, 0, nil)
	c.Version = "3.4.3"
	block := filepath.Join(c.State, "data", "block")
	require.NoError(t, os.MkdirAll(filepath.Dir(block), 0o755))
	require.NoError(t, os.WriteFile(block, nil, 0o600))

	format, err := c.prepareData()
	require.NoError(t, err)
	require.True(t, format)
	require.NoFileExists(t, block, "blocks without a formatted HDFS")

	require.NoError(t, writeFile(c.dataVersion(), []byte("3.4.3\n")))
	format, err = c.prepareData()
	require.NoError(t, err)
	require.False(t, format)

	c.Version = "3.5.0"
	_, err = c.prepareData()
	require.ErrorContains(t, err, "holds the data of Hadoop 3.4.3: use --fresh")
}

// mark runs a process that sleeps, with an environment, in a session of its own.
func mark(t *testing.T, env ...string) process {
	t.Helper()
	cmd := exec.Command("setsid", "--wait", "sleep", "60")
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"))
	require.NoError(t, cmd.Start())
	p, err := identify(cmd.Process.Pid)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	return p
}

func TestDownEndsContainers(t *testing.T) {
	t.Parallel()
	c := cluster(t, 0, nil)
	require.NoError(t, Down(t.Context(), c.State), "nothing is there to stop")
	require.NoError(t, Down(t.Context(), filepath.Join(c.State, "nowhere")))

	mark(t, "LOCAL_DIRS="+localDirs(c.State)+"/usercache/ada/appcache/application_1_1")
	mark(t, markDaemon+"="+c.State)
	neighbour := mark(t, markDaemon+"="+c.State+"2", "LOCAL_DIRS="+localDirs(c.State)+"2/x")
	require.Eventually(t, func() bool { return len(leftOver(c.State)) >= 2 }, 5*time.Second, 10*time.Millisecond)

	require.NoError(t, Down(t.Context(), c.State))
	require.Empty(t, leftOver(c.State))
	require.True(t, neighbour.alive(), "of another cluster, whose directory begins with the same letters")
}

func TestProcessIsNotItsPidAlone(t *testing.T) {
	t.Parallel()
	p := mark(t)
	require.True(t, p.alive())
	other := p
	other.StartTime++
	require.False(t, other.alive())
	other = p
	other.BootID = "another boot"
	require.False(t, other.alive())

	c := cluster(t, 0, nil)
	require.NoError(t, writeProcess(c.pidFile(NameNode), other))
	require.False(t, c.Running(NameNode))
	require.NoError(t, c.Kill(t.Context(), NameNode))
	require.True(t, p.alive(), "of somebody else")

	require.NoError(t, writeProcess(c.pidFile(NameNode), p))
	c.Pause(NameNode)
	require.Eventually(t, func() bool { return !p.answering() && p.alive() }, 5*time.Second, 10*time.Millisecond)
	c.Resume(NameNode)
	require.Eventually(t, p.answering, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, c.Kill(t.Context(), NameNode))
	require.False(t, c.Running(NameNode))
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c := cluster(t, 300, Config{All: {"a": "b"}})
	_, err := Load(c.State)
	require.ErrorIs(t, err, ErrNoCluster)

	require.NoError(t, writeProcess(c.pidFile(DataNode), mark(t)))
	require.NoError(t, c.save())
	loaded, err := Load(c.State)
	require.NoError(t, err)
	require.NotNil(t, loaded.progress)
	loaded.progress, c.progress = nil, nil // functions are not comparable
	require.Equal(t, c, loaded)
	require.Len(t, loaded.PIDs, 1)
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	s, err := parseStat([]byte("7 (a) S (b) Z 1 7 42" + strings.Repeat(" 0", 13) + " 3 0 4711 0\n"))
	require.NoError(t, err)
	require.Equal(t, procStat{state: 'Z', session: 42, startTime: 4711, threads: 3}, s)
	require.False(t, s.dead())
	s.threads = 1
	require.True(t, s.dead())
	_, err = parseStat([]byte("7 (a) S 1"))
	require.Error(t, err)
}
