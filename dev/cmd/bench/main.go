// Command bench measures Stoker against what users run today and writes the
// figures as rows of JSON. It runs the product as it is deployed: Temporal and
// the simulator in one process, worker and starter each in their own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/dev/origin"
	"github.com/stoker-spark/stoker/dev/stack"
)

// row is one figure.
type row struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	N       int     `json:"n"`
	Command string  `json:"command"`
	Machine string  `json:"machine"`
	Commit  string  `json:"commit"`
}

type bench struct {
	bin  string
	venv string
	runs int
	only string
	// command that made the figures, as it is to be typed.
	command string
	// live jobs to watch, and for how long jobs end while they are.
	live int
	ends time.Duration
	// finished is how many jobs have ended when lists are measured.
	finished int
	// hadoop is the state of a Hadoop cluster.
	hadoop string
	spark  stack.Spark
	rows   []row
}

func main() {
	b := &bench{}
	out := flag.String("out", "", "file whose rows of the same names are replaced; none prints them only")
	flag.StringVar(&b.bin, "bin", "bin", "directory of stoker and stoker-dev")
	flag.StringVar(&b.venv, "venv", ".tools/venv", "virtual environment with PySpark")
	flag.IntVar(&b.runs, "runs", 10, "pairs of runs")
	flag.StringVar(&b.only, "only", "", "one part: sizes, idle, overhead, minute, or watching, hdfs, submit, burst, api, finished, tail or minutes, which run only if they are named")
	flag.StringVar(&b.command, "command", "make bench", "command to name in the rows")
	flag.IntVar(&b.live, "live", 2000, "live jobs to watch")
	flag.IntVar(&b.finished, "finished", 20000, "finished jobs to list")
	flag.DurationVar(&b.ends, "ends", 2*time.Minute, "how long watched jobs end, five a second")
	flag.StringVar(&b.hadoop, "hadoop", ".state/hadoop", "state of the Hadoop cluster that large files are copied to and applications are sent to")
	bare := flag.String("bare", "", "only submit these jobs, without Temporal, on the cluster of --config")
	file := flag.String("config", "", "configuration of the jobs of --bare")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := func() error { return b.run(ctx, *out) }
	if *bare != "" {
		run = func() error { return submitBare(ctx, strings.Split(*bare, ","), *file) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, out string) error {
	var err error
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.venv, err = filepath.Abs(b.venv); err != nil {
		return err
	}
	if b.spark, err = stack.FindSpark(b.venv); err != nil {
		return err
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"sizes", b.sizes},
		{"idle", b.idle},
		{"overhead", b.overhead},
		{"minute", b.minute},
		{"watching", b.watching},
		{"hdfs", b.largeFiles},
		{"submit", b.submitting},
		{"burst", b.burst},
		{"api", b.submits},
		{"finished", b.finishedJobs},
		{"tail", b.tails},
		{"minutes", b.minutes},
	} {
		named := []string{"watching", "hdfs", "submit", "burst", "api", "finished", "tail", "minutes"}
		if b.only != part.name && (b.only != "" || slices.Contains(named, part.name)) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return err
		}
	}
	if out == "" {
		return nil
	}
	return b.write(out)
}

// add keeps a figure and prints it.
func (b *bench) add(name string, value float64, unit string, n int) {
	b.rows = append(b.rows, row{
		Name: name, Value: round(value), Unit: unit, N: n, Command: b.command, Machine: origin.Machine(), Commit: origin.Commit(),
	})
	fmt.Printf("%-58s %10.3f %s (n=%d)\n", name, value, unit, n)
}

func round(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

// spread adds minimum, median and maximum of some samples.
func (b *bench) spread(name, unit string, samples []float64) {
	slices.Sort(samples)
	b.add(name+", median", samples[len(samples)/2], unit, len(samples))
	b.add(name+", min", samples[0], unit, len(samples))
	b.add(name+", max", samples[len(samples)-1], unit, len(samples))
}

// sizes of the binaries.
func (b *bench) sizes(context.Context) error {
	for _, name := range []string{"stoker", "stoker-dev"} {
		info, err := os.Stat(filepath.Join(b.bin, name))
		if err != nil {
			return fmt.Errorf("%w (run make build)", err)
		}
		b.add("size of bin/"+name, float64(info.Size())/1e6, "MB", 1)
	}
	return nil
}

// idle measures start-up and resident memory of each role with nothing to do.
func (b *bench) idle(ctx context.Context) error {
	d, err := b.deploy(ctx, nil)
	if err != nil {
		return err
	}
	defer d.stop()
	b.add("start-up of Temporal and simulator (stoker-dev, two parts)", d.core.ready.Seconds(), "s", 1)
	b.add("start-up of the worker until /readyz is 200", d.worker.ready.Seconds(), "s", 1)
	b.add("start-up of the starter until its first poll", d.starter.ready.Seconds(), "s", 1)
	select {
	case <-time.After(15 * time.Second): // until start-up garbage is collected
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, p := range []*process{d.core, d.worker, d.starter} {
		rss, err := p.rss()
		if err != nil {
			return err
		}
		b.add("idle memory (RSS) of "+p.name, rss, "MB", 1)
	}
	return nil
}
