package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/stoker-spark/stoker/dev/hadoop"
)

// largeFile is the size of the file that is copied to HDFS and back, in bytes.
const largeFile = 2 << 30

// copier is a client of HDFS, a process of its own for each copy.
type copier struct {
	name     string
	put, get func(from, to string) *exec.Cmd
}

// usage of a process from its start to its end.
type usage struct {
	wall, cpu float64 // s
	rss       float64 // MB, at most
}

// largeFiles copies a large file to HDFS and back with Stoker's stores and with Hadoop's
// own client, in turn.
func (b *bench) largeFiles(ctx context.Context) error {
	cluster, err := hadoop.Load(b.hadoop)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "stoker-bench-hdfs-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing was kept there
	if err := enoughRoom(dir); err != nil {
		return err
	}
	program := filepath.Join(dir, "hdfscopy")
	if out, err := exec.CommandContext(ctx, "go", "-C", "dev", "build", "-o", program, "./cmd/hdfscopy").CombinedOutput(); err != nil {
		return fmt.Errorf("build hdfscopy: %w: %s", err, out)
	}
	clients := []copier{
		stores(ctx, cluster, program, "store/hdfs"), stores(ctx, cluster, program, "store/webhdfs", "-web"), hadoopClient(ctx, cluster).copier,
	}
	source, target := filepath.Join(dir, "source"), filepath.Join(dir, "target")
	remote := "/tmp/" + filepath.Base(dir)
	defer func() { _ = hadoopClient(context.WithoutCancel(ctx), cluster).remove(remote) }() // it is in /tmp

	// What a start costs is in the other figures, too.
	if err := os.WriteFile(source, []byte("x"), 0o600); err != nil {
		return err
	}
	for _, c := range clients {
		u, err := measure(c.put(source, remote))
		if err != nil {
			return err
		}
		b.add("1 byte to HDFS, "+c.name+", wall", u.wall, "s", 1)
		b.add("1 byte to HDFS, "+c.name+", CPU of the client", u.cpu, "s", 1)
	}
	if err := writeLarge(source); err != nil {
		return err
	}
	used := map[string][]usage{}
	for i := range b.runs {
		for _, c := range clients {
			put, err := measure(c.put(source, remote))
			if err != nil {
				return err
			}
			_ = os.Remove(target) // of the copy before
			got, err := measure(c.get(remote, target))
			if err != nil {
				return err
			}
			if err := sameContent(source, target); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			used["to HDFS, "+c.name] = append(used["to HDFS, "+c.name], put)
			used["from HDFS, "+c.name] = append(used["from HDFS, "+c.name], got)
			fmt.Printf("  run %d, %s: put %.1f s, get %.1f s\n", i+1, c.name, put.wall, got.wall)
		}
	}
	for _, way := range []string{"to HDFS, ", "from HDFS, "} {
		for _, c := range clients {
			b.usage("2 GiB "+way+c.name, used[way+c.name])
		}
		b.ratios("2 GiB "+way, used[way+clients[0].name], used[way+clients[2].name])
	}
	return nil
}

// usage adds the rows of some copies.
func (b *bench) usage(name string, used []usage) {
	var wall, cpu, rss []float64
	for _, u := range used {
		wall, cpu, rss = append(wall, u.wall), append(cpu, u.cpu), append(rss, u.rss)
	}
	b.spread(name+", wall", "s", wall)
	b.spread(name+", CPU of the client", "s", cpu)
	b.spread(name+", RSS of the client at most", "MB", rss)
}

func (b *bench) ratios(name string, ours, theirs []usage) {
	var wall, cpu []float64
	for i := range ours {
		wall, cpu = append(wall, ours[i].wall/theirs[i].wall), append(cpu, ours[i].cpu/theirs[i].cpu)
	}
	b.spread(name+"ratio store/hdfs to Hadoop's client, wall, paired", "x", wall)
	b.spread(name+"ratio store/hdfs to Hadoop's client, CPU, paired", "x", cpu)
}

func stores(ctx context.Context, c *hadoop.Cluster, program, name string, flags ...string) copier {
	run := func(args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, program, append(append([]string{"-conf", c.ConfDir, "-user", c.User}, flags...), args...)...)
	}
	return copier{
		name: name,
		put:  func(from, to string) *exec.Cmd { return run("put", from, to) },
		get:  func(from, to string) *exec.Cmd { return run("get", from, to) },
	}
}

type javaClient struct {
	copier
	run func(args ...string) *exec.Cmd
}

func (j javaClient) remove(name string) error { return j.run("-rm", "-f", "-skipTrash", name).Run() }

// hadoopClient is "hdfs dfs": the class that the script starts, without options
// for the JVM, as there.
func hadoopClient(ctx context.Context, c *hadoop.Cluster) javaClient {
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(c.JavaHome, "bin", "java"), append([]string{
			"-Djava.net.preferIPv4Stack=true", "-cp", c.ConfDir + ":" + filepath.Join(c.Lib, "*"), "org.apache.hadoop.fs.FsShell",
		}, args...)...)
		cmd.Env = append(os.Environ(), "HADOOP_USER_NAME="+c.User)
		return cmd
	}
	return javaClient{run: run, copier: copier{
		name: "hdfs dfs",
		put:  func(from, to string) *exec.Cmd { return run("-put", "-f", from, to) },
		get:  func(from, to string) *exec.Cmd { return run("-get", from, to) },
	}}
}

// measure runs a command. Its memory is looked at while it runs: what the system
// tells of an ended process counts what this one had when it was started.
func measure(cmd *exec.Cmd) (usage, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	ended, watched := make(chan struct{}), make(chan float64)
	go func() { watched <- highWater(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	most := <-watched
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, said.String())
	}
	return usage{
		wall: time.Since(begun).Seconds(), rss: most,
		cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
	}, nil
}

// highWater is the most memory that a process has had, in MB.
func highWater(pid int, ended <-chan struct{}) (most float64) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok && err == nil {
			var kilobytes float64
			if _, err := fmt.Sscan(after, &kilobytes); err == nil {
				most = kilobytes * 1024 / 1e6
			}
		}
		select {
		case <-ended:
			return most
		case <-look.C:
		}
	}
}

// enoughRoom: the file, its copy, and HDFS' own, of which there are two for a
// moment.
func enoughRoom(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < 6*largeFile {
		return fmt.Errorf("%s has %d MB free; %d MB are needed", dir, free/1e6, 6*largeFile/1_000_000)
	}
	return nil
}

// writeLarge writes content that nothing can compress, the same each time.
func writeLarge(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), largeFile)
	return errors.Join(err, f.Close())
}

func sameContent(a, b string) error {
	fa, err := os.Open(a)
	if err != nil {
		return err
	}
	defer func() { _ = fa.Close() }() // only read
	fb, err := os.Open(b)
	if err != nil {
		return err
	}
	defer func() { _ = fb.Close() }() // only read
	const piece = 1 << 20
	for x, y := make([]byte, piece), make([]byte, piece); ; {
		n, errA := io.ReadFull(fa, x)
		m, errB := io.ReadFull(fb, y)
		switch {
		case !bytes.Equal(x[:n], y[:m]):
			return errors.New("what came back is not what was sent")
		case errors.Is(errA, io.EOF) && errors.Is(errB, io.EOF):
			return nil
		case errA != nil && !errors.Is(errA, io.EOF) && !errors.Is(errA, io.ErrUnexpectedEOF):
			return errA
		}
	}
}
