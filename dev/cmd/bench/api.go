package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/jobspec"
)

const (
	// apiOneByOne is how many jobs one client submits, one after the other.
	apiOneByOne = 500
	// apiClients submit at once for so long.
	apiClients = 8
	apiFor     = 20 * time.Second
	// ample is a rate limit that does not bound the benchmark.
	ample = 1e6
)

// unlimited takes the rate limit away, which is by user: the benchmark is one.
func unlimited(c *config.Config) { c.API.RatePerSecond, c.API.Burst = ample, ample }

// startAPI starts the API and returns a client of it.
func (d *deployment) startAPI(ctx context.Context) (*client.Client, error) {
	var err error
	d.api, err = d.spawn("stoker api", filepath.Join(filepath.Dir(d.core.cmd.Path), "stoker"), "api", "--config", stack.ConfigFile(d.state))
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", d.ports.API)
	if err := d.await(ctx, d.api, url+"/healthz"); err != nil {
		return nil, err
	}
	return client.New(client.Options{Server: url, Patience: -1})
}

// aSpec is a job of somebody's own, of about a kilobyte.
func aSpec(n int) jobspec.Spec {
	return jobspec.Spec{
		File: "hdfs:///data/jobs/daily_scores.py", Name: fmt.Sprintf("daily scores %d", n),
		Args:   []string{"--date", "2026-11-21", "--in", "/data/in/customers/part=1", "--out", "/data/out/scores"},
		Conf:   map[string]string{"spark.sql.shuffle.partitions": "64", "spark.sql.adaptive.enabled": "true"},
		Labels: map[string]string{"team": fmt.Sprintf("team-%d", n%10), "kind": "daily"},
	}
}

// submits measures how long the API takes to accept a job, which is when its workflow
// has started. No worker runs: what jobs cost afterwards is measured elsewhere.
func (b *bench) submits(ctx context.Context) error {
	w, stop, err := b.deployWatched(ctx, unlimited)
	if err != nil {
		return err
	}
	defer stop()
	w.kill(w.worker)
	c, err := w.startAPI(ctx)
	if err != nil {
		return err
	}
	submit := func(n int) (float64, error) {
		start := time.Now()
		_, _, err := c.Submit(ctx, aSpec(n), client.NewKey())
		return time.Since(start).Seconds() * 1000, err
	}
	for n := range 20 { // connections, caches
		if _, err := submit(n); err != nil {
			return err
		}
	}
	var alone []float64
	for n := range apiOneByOne {
		took, err := submit(n)
		if err != nil {
			return err
		}
		alone = append(alone, took)
	}
	b.latencies("API submit, one client", alone)

	used, err := b.usedBy(w.core, w.api)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var crowd []float64
	var failed error
	var clients sync.WaitGroup
	began := time.Now()
	for range apiClients {
		clients.Go(func() {
			for time.Since(began) < apiFor && ctx.Err() == nil {
				took, err := submit(rand.N(1 << 20)) //nolint:gosec // a name
				mu.Lock()
				crowd = append(crowd, took)
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if failed != nil {
		return failed
	}
	seconds := time.Since(began).Seconds()
	name := fmt.Sprintf("API submit, %d clients at once", apiClients)
	b.add(name+", to workflow started", float64(len(crowd))/seconds, "1/s", len(crowd))
	b.latencies(name, crowd)
	after, err := b.usedBy(w.core, w.api)
	if err != nil {
		return err
	}
	b.add(name+", CPU of Temporal, per job", (after[0]-used[0])/float64(len(crowd))*1000, "CPU-ms", len(crowd))
	b.add(name+", CPU of the API, per job", (after[1]-used[1])/float64(len(crowd))*1000, "CPU-ms", len(crowd))
	return b.memory(w.api, "stoker api memory (RSS), after the submissions")
}

// latencies adds the quantiles of some samples in milliseconds.
func (b *bench) latencies(name string, samples []float64) {
	b.add(name+", p50", quantile(samples, 0.5), "ms", len(samples))
	b.add(name+", p99", quantile(samples, 0.99), "ms", len(samples))
	b.add(name+", max", quantile(samples, 1), "ms", len(samples))
}

// usedBy is the processor time that processes have used so far, in seconds.
func (b *bench) usedBy(processes ...*process) ([]float64, error) {
	used := make([]float64, len(processes))
	for i, p := range processes {
		cpu, err := p.cpu()
		if err != nil {
			return nil, err
		}
		used[i] = cpu
	}
	return used, nil
}

func (b *bench) memory(p *process, name string) error {
	rss, err := p.rss()
	if err == nil {
		b.add(name, rss, "MB", 1)
	}
	return err
}
