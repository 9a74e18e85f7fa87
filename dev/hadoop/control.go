package hadoop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/stoker-spark/stoker/dev/flock"
)

// stopGrace is how long daemons may take to stop before they are killed. A
// NodeManager gives its containers 6 s.
const stopGrace = 10 * time.Second

// Start starts a daemon that does not run, on the data it had, and waits until
// it is ready.
func (c *Cluster) Start(ctx context.Context, d Daemon) error {
	unlock, err := flock.Lock(ctx, lockFile(c.State))
	if err != nil {
		return err
	}
	defer unlock()
	if !c.Running(d) {
		if err := checkFree(d, c.PortOffset); err != nil {
			return err
		}
		if err := c.start(d); err != nil {
			return err
		}
	}
	if err := c.await(ctx, d); err != nil {
		return err
	}
	return c.save()
}

// Stop ends a daemon in order, and by force if it does not end.
func (c *Cluster) Stop(ctx context.Context, d Daemon) error {
	return c.end(ctx, c.process(d))
}

// Kill ends a daemon as a crash would, with SIGKILL, and returns when it is
// gone. Containers of a killed NodeManager go on.
func (c *Cluster) Kill(ctx context.Context, d Daemon) error {
	p := c.process(d)
	p.signal(syscall.SIGKILL)
	return gone(ctx, []process{p})
}

// Pause freezes a daemon: its ports accept connections but nothing answers.
func (c *Cluster) Pause(d Daemon) { c.process(d).signal(syscall.SIGSTOP) }

// Resume lets a frozen daemon go on.
func (c *Cluster) Resume(d Daemon) { c.process(d).signal(syscall.SIGCONT) }

// Set changes a setting; a daemon reads it when it is started the next time.
func (c *Cluster) Set(d Daemon, key, value string) error {
	c.Config = c.Config.with(d, key, value)
	if err := c.writeClientConf(); err != nil {
		return err
	}
	return c.save()
}

// Down stops the cluster and leaves nothing of it running, containers included.
// Its data stays for the next Up.
func (c *Cluster) Down(ctx context.Context) error {
	unlock, err := flock.Lock(ctx, lockFile(c.State))
	if err != nil {
		return err
	}
	defer unlock()
	return c.down(ctx)
}

// Down stops the cluster of a state directory, if there is one, also when no
// record of it is left but its processes.
func Down(ctx context.Context, state string) error {
	state, err := filepath.Abs(state)
	if err != nil {
		return err
	}
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return (&Cluster{State: state}).Down(ctx)
}

func (c *Cluster) down(ctx context.Context) error {
	if err := c.stopAll(ctx); err != nil {
		return err
	}
	return c.clear(ctx)
}

// stopAll stops the daemons in order.
func (c *Cluster) stopAll(ctx context.Context) error {
	// The NodeManager goes first: it stops its containers, uploads their logs and
	// takes leave of the ResourceManager, for which it would wait 10 s in vain.
	stop := c.Stop
	if !c.process(ResourceManager).answering() {
		stop = c.Kill
	}
	if err := stop(ctx, NodeManager); err != nil {
		return err
	}
	var rest []process
	for _, d := range Daemons() {
		rest = append(rest, c.process(d))
	}
	return c.end(ctx, rest...)
}

// clear kills what is left of the cluster and forgets it.
func (c *Cluster) clear(ctx context.Context) error {
	// One container may start another while it is looked for.
	for found := leftOver(c.State); len(found) > 0; found = leftOver(c.State) {
		for _, p := range found {
			p.signal(syscall.SIGKILL)
		}
		if err := gone(ctx, found); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(c.State, "run")); err != nil {
		return err
	}
	if err := os.Remove(clusterFile(c.State)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// end asks processes to end and kills those that do not.
func (c *Cluster) end(ctx context.Context, processes ...process) error {
	for _, p := range processes {
		p.signal(syscall.SIGTERM)
		p.signal(syscall.SIGCONT) // a frozen one would not notice
	}
	patience, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if gone(patience, processes) == nil {
		return nil
	}
	for _, p := range processes {
		p.signal(syscall.SIGKILL)
	}
	return gone(ctx, processes)
}

// gone waits until none of the processes is alive.
func gone(ctx context.Context, processes []process) error {
	for _, p := range processes {
		for p.alive() {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return fmt.Errorf("wait for the end of process %d: %w", p.PID, err)
			}
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
