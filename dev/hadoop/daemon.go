package hadoop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// program is what a daemon's JVM runs.
type program struct {
	class string
	// heap in MiB.
	heap int
}

func programOf(d Daemon) program {
	switch d {
	case NameNode:
		return program{"org.apache.hadoop.hdfs.server.namenode.NameNode", 256}
	case DataNode:
		return program{"org.apache.hadoop.hdfs.server.datanode.DataNode", 256}
	case ResourceManager:
		return program{"org.apache.hadoop.yarn.server.resourcemanager.ResourceManager", 512}
	case NodeManager:
		return program{"org.apache.hadoop.yarn.server.nodemanager.NodeManager", 384}
	case JobHistoryServer:
		return program{"org.apache.hadoop.mapreduce.v2.hs.JobHistoryServer", 256}
	default:
		panic("no program is the daemon " + string(d)) // daemons are checked where they come in
	}
}

func (c *Cluster) confDir(d Daemon) string { return filepath.Join(c.State, "conf", string(d)) }

func (c *Cluster) pidFile(d Daemon) string {
	return filepath.Join(c.State, "run", string(d)+".json")
}

// Log is the file that a daemon's output goes to.
func (c *Cluster) Log(d Daemon) string { return filepath.Join(c.State, "logs", string(d)+".log") }

// command makes the command of a daemon, or of a task it does with its class.
// One compiler tier and the serial collector halve the time that five JVMs need
// to start on two cores.
func (c *Cluster) command(d Daemon, args ...string) *exec.Cmd {
	p := programOf(d)
	cmd := exec.Command(filepath.Join(c.JavaHome, "bin", "java"), append([]string{
		fmt.Sprintf("-Xmx%dm", p.heap), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError",
		"-XX:ErrorFile=" + filepath.Join(c.State, "logs", "crash-"+string(d)+".log"),
		"-Djava.net.preferIPv4Stack=true", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"-cp", c.confDir(d) + ":" + filepath.Join(c.Lib, "*"), p.class,
	}, args...)...)
	cmd.Dir = c.State
	cmd.Env = c.environment()
	return cmd
}

// environment of the daemons is an allow-list: HADOOP_* of the caller would
// change what they do. YARN hands JAVA_HOME, LANG and TZ on to containers.
func (c *Cluster) environment() []string {
	env := []string{"JAVA_HOME=" + c.JavaHome, markDaemon + "=" + c.State}
	for _, name := range []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// start starts a daemon, in a session of its own so that it outlives this
// process and its terminal.
func (c *Cluster) start(d Daemon) error {
	if err := c.writeDaemonConf(d); err != nil {
		return err
	}
	log, err := c.openLog(d)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the daemon has its own
	info, err := log.Stat()
	if err != nil {
		return err
	}
	cmd := c.command(d)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the %s: %w", d, err)
	}
	p, err := identify(cmd.Process.Pid)
	// Without this a daemon that ends while this process lives stays a zombie.
	go func() { _ = cmd.Wait() }()
	if err != nil {
		return c.died(d, info.Size())
	}
	p.LogOffset = info.Size()
	return writeProcess(c.pidFile(d), p)
}

func (c *Cluster) openLog(d Daemon) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(c.Log(d)), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(c.Log(d), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// dataVersion is the file that says that HDFS is formatted, and by which Hadoop.
func (c *Cluster) dataVersion() string { return filepath.Join(c.State, "data", "version") }

// prepareData reports whether HDFS has yet to be formatted, and then leaves no
// other data: blocks of another HDFS would keep the DataNode from joining.
func (c *Cluster) prepareData() (format bool, err error) {
	data, err := os.ReadFile(c.dataVersion())
	if err == nil {
		if had := strings.TrimSpace(string(data)); had != c.Version {
			return false, fmt.Errorf("%s holds the data of Hadoop %s: use --fresh to forget it, or another --state", c.State, had)
		}
		return false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	dir := filepath.Dir(c.dataVersion())
	if err := os.RemoveAll(dir); err != nil {
		return false, err
	}
	return true, os.MkdirAll(dir, 0o755)
}

// format makes an empty HDFS. The file that says so comes last: an interrupted
// format is done again.
func (c *Cluster) format(ctx context.Context) error {
	if err := c.writeDaemonConf(NameNode); err != nil {
		return err
	}
	log, err := c.openLog(NameNode)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // only a log
	cmd := c.command(NameNode, "-format", "-force", "-nonInteractive")
	cmd.Stdout, cmd.Stderr = log, log
	if err := runUntil(ctx, cmd); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("cannot format HDFS: %w; the end of %s:\n%s", err, c.Log(NameNode), tail(c.Log(NameNode), 0))
	}
	return writeFile(c.dataVersion(), []byte(c.Version+"\n"))
}

// runUntil runs a command, killing it when the context ends.
func runUntil(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // gone meanwhile is what was wanted
	defer stop()
	return cmd.Wait()
}

// died says that a daemon ended at its start, and shows why.
func (c *Cluster) died(d Daemon, offset int64) error {
	return fmt.Errorf("the %s ended at its start; the end of %s:\n%s", d, c.Log(d), tail(c.Log(d), offset))
}

// tailLines is enough for a few exceptions with their causes.
const tailLines = 12

// tail returns the last lines of a file, of what follows an offset, without the
// frames of stack traces.
func tail(path string, offset int64) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if offset < int64(len(data)) {
		data = data[offset:]
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(string(data), "\n"), "\n") {
		if !strings.HasPrefix(line, "\tat ") {
			lines = append(lines, "  "+line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
