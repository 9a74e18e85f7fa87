package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/jobspec"
)

// tailProgram writes the time ten times a second for a minute.
const tailProgram = `import time
for _ in range(600):
    print(time.time(), flush=True)
    time.sleep(0.1)
`

// tails measures how long a line of a running application's log takes to whoever
// follows it.
func (b *bench) tails(ctx context.Context) error {
	d, err := b.deployWithoutStarter(ctx, func(state string) func(*config.Config) {
		return func(c *config.Config) { unlimited(c) }
	})
	if err != nil {
		return err
	}
	defer d.stop()
	c, err := d.startAPI(ctx)
	if err != nil {
		return err
	}
	program := filepath.Join(d.state, "tail.py")
	if err := os.WriteFile(program, []byte(tailProgram), 0o600); err != nil {
		return err
	}
	started, _, err := c.Submit(ctx, jobspec.Spec{File: "file://" + program}, client.NewKey())
	if err != nil {
		return err
	}
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Logs(ctx, client.LogRequest{Job: started.ID, Stream: "stdout", Follow: true}, write)
		_ = write.CloseWithError(err)
		ended <- err
	}()
	var delays []float64
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		at, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			return fmt.Errorf("a line that is no time: %q", lines.Text())
		}
		delays = append(delays, float64(time.Now().UnixMicro())/1e6-at)
	}
	if err := <-ended; err != nil {
		return err
	}
	if len(delays) != 600 {
		return fmt.Errorf("%d lines instead of 600", len(delays))
	}
	b.add("a log line to who follows it, p50", quantile(delays, 0.5), "s", len(delays))
	b.add("a log line to who follows it, p99", quantile(delays, 0.99), "s", len(delays))
	b.add("a log line to who follows it, max", quantile(delays, 1), "s", len(delays))
	return nil
}
