package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/stack"
)

// deployment is Stoker as separate processes on a state of its own.
type deployment struct {
	state                 string
	offset                int
	ports                 stack.Ports
	client                client.Client
	core, worker, starter *process
	api                   *process
}

// process is one running program.
type process struct {
	name  string
	cmd   *exec.Cmd
	ready time.Duration
}

// deploy starts everything; the caller stops it.
func (b *bench) deploy(ctx context.Context, configure func(*config.Config)) (*deployment, error) {
	d, err := b.deployWithoutStarter(ctx, func(string) func(*config.Config) { return configure })
	if err != nil {
		return nil, err
	}
	if err := d.startStarter(ctx); err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// deployWithoutStarter is for what starts workflows itself. The configuration may
// name files in the deployment's state.
func (b *bench) deployWithoutStarter(ctx context.Context, configure func(state string) func(*config.Config)) (_ *deployment, err error) {
	state, err := os.MkdirTemp("", "stoker-bench")
	if err != nil {
		return nil, err
	}
	offset, err := stack.FreeOffset()
	if err != nil {
		return nil, err
	}
	d := &deployment{state: state, offset: offset, ports: stack.PortsAt(offset)}
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	d.core, err = d.spawnCore(b, state)
	if err != nil {
		return nil, err
	}
	if err := d.await(ctx, d.core, fmt.Sprintf("http://127.0.0.1:%d/healthz", d.ports.ModelManage)); err != nil {
		return nil, err
	}
	if d.client, err = stack.Dial(ctx, d.ports, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if _, err := stack.WriteConfig(stack.Options{State: state, Ports: d.ports, Spark: b.spark, Configure: configure(state)}); err != nil {
		return nil, err
	}
	d.worker, err = d.spawn("stoker worker", filepath.Join(b.bin, "stoker"), "worker", "--config", stack.ConfigFile(state))
	if err != nil {
		return nil, err
	}
	return d, d.await(ctx, d.worker, fmt.Sprintf("http://127.0.0.1:%d/readyz", d.ports.Metrics))
}

func (d *deployment) startStarter(ctx context.Context) error {
	var err error
	d.starter, err = d.spawn("stoker starter", filepath.Join(filepath.Dir(d.worker.cmd.Path), "stoker"), "starter",
		"--config", stack.ConfigFile(d.state))
	if err != nil {
		return err
	}
	return d.until(ctx, d.starter, func() bool {
		log, err := os.ReadFile(d.log(d.starter.name))
		return err == nil && bytes.Contains(log, []byte("starter started"))
	})
}

func (d *deployment) spawn(name, program string, args ...string) (*process, error) {
	log, err := os.Create(d.log(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("TEMPORAL_ADDRESS=127.0.0.1:%d", d.ports.Temporal))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{name: name, cmd: cmd}, nil
}

func (d *deployment) log(name string) string {
	return filepath.Join(d.state, strings.ReplaceAll(name, " ", "-")+".log")
}

// await waits until a URL answers 200.
func (d *deployment) await(ctx context.Context, p *process, url string) error {
	return d.until(ctx, p, func() bool {
		reply, err := http.Get(url) // bounded by the loop
		if err != nil {
			return false
		}
		_ = reply.Body.Close() // only the status matters
		return reply.StatusCode == http.StatusOK
	})
}

// until waits for a sign that a process is ready, and notes how long it took.
func (d *deployment) until(ctx context.Context, p *process, ready func() bool) error {
	start := time.Now()
	for time.Since(start) < time.Minute && ctx.Err() == nil {
		if ready() {
			p.ready = time.Since(start)
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s is not ready; see %s", p.name, d.state)
}

func (d *deployment) stop() {
	if d.client != nil {
		d.client.Close()
	}
	for _, p := range []*process{d.api, d.starter, d.worker, d.core} {
		d.kill(p)
	}
	_ = os.RemoveAll(d.state) // a temporary directory
}

// kill ends a process, if there is one, and waits until it is gone.
func (d *deployment) kill(p *process) {
	if p != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = p.cmd.Wait()                          // how it ended does not matter
	}
}

// spawnCore starts Temporal and the simulator.
func (d *deployment) spawnCore(b *bench, state string) (*process, error) {
	return d.spawn("Temporal and simulator", filepath.Join(b.bin, "stoker-dev"), "--state", state,
		"--port-offset", strconv.Itoa(d.offset), "--parts", "temporal,modelmanage", "--venv", b.venv)
}

// create posts a job document.
func (d *deployment) create(document map[string]any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	reply, err := http.Post(d.url("/model-manage/api/jobs"), "application/json", bytes.NewReader(body)) // local
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }() // only the status matters
	if reply.StatusCode != http.StatusCreated {
		return fmt.Errorf("create a job: %s", reply.Status)
	}
	return nil
}

func (d *deployment) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", d.ports.ModelManage, path)
}

// revision is one state of a document.
type revision struct {
	At       time.Time      `json:"at"`
	Document map[string]any `json:"document"`
}

func (d *deployment) revisions(id string) ([]revision, error) {
	reply, err := http.Get(d.url("/sim/jobs/" + id + "/revisions")) // local
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }() // read to its end
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		return nil, err
	}
	var list []revision
	return list, json.Unmarshal(data, &list)
}

func (p *process) rss() (float64, error) { return rssOf(p.cmd.Process.Pid) }

// rssOf is a process's resident memory in MB.
func rssOf(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "VmRSS:" {
			kb, err := strconv.ParseFloat(fields[1], 64)
			return kb / 1000, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", pid)
}

// privateOf is the memory in MB that a process shares with no other.
func privateOf(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	var sum float64
	for line := range strings.SplitSeq(string(data), "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && strings.HasPrefix(fields[0], "Private_") && fields[0] != "Private_Hugetlb:" {
			kb, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				return 0, err
			}
			sum += kb / 1000
		}
	}
	return sum, nil
}

// supervisors lists the processes that follow this deployment's applications.
func (d *deployment) supervisors() ([]int, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, line := range lines {
		data, err := os.ReadFile(line)
		words := strings.Split(string(data), "\x00")
		if err != nil || len(words) < 3 || words[1] != "supervise" || !strings.Contains(string(data), d.state) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		if err != nil {
			return nil, err
		}
		found = append(found, pid)
	}
	return found, nil
}

func (p *process) cpu() (float64, error) { return cpuOf(p.cmd.Process.Pid) }

// cpuOf is the processor time that a process has used so far, in seconds.
func cpuOf(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	const ticks = 100 // USER_HZ, the same on every Linux
	return (user + system) / ticks, err
}
