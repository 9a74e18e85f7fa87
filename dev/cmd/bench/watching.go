package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/workflows"
)

const (
	// endsPerSecond is how fast watched jobs end.
	endsPerSecond = 5
	// steadyFor is how long the steady state is measured.
	steadyFor = time.Minute
	// settleFor is the time between the last start and the measurements.
	settleFor = 30 * time.Second
	// rampWidth is how many jobs are on their way to RUNNING at once.
	rampWidth = 48
)

// followLogs is for the cost of what asks NodeManagers, and the proxy, about each
// application.
var followLogs = flag.Bool("follow-logs", false, "follow the logs and the progress of watched jobs, too")

const idleModel = `
def score(external_inputs, external_outputs, external_model_assets):
    pass
`

// watched is a deployment whose cluster is a simulated ResourceManager.
type watched struct {
	*deployment
	sim    *yarnsim.Server
	driver yarnsim.Driver
	// lasts is how long applications run; 0 until the benchmark ends them.
	lasts time.Duration
}

// watching measures what many live jobs cost, and how soon an end is seen.
func (b *bench) watching(ctx context.Context) error {
	w, stop, err := b.deployWatched(ctx, nil)
	if err != nil {
		return err
	}
	defer stop()
	began := time.Now()
	if err := w.rampUp(ctx, b.live); err != nil {
		return fmt.Errorf("ramp up: %w; see %s", err, w.state)
	}
	b.figure("jobs started until all run", float64(b.live)/time.Since(began).Seconds(), "1/s", b.live)
	if err := pause(ctx, settleFor); err != nil {
		return err
	}

	if err := b.during(w, "steady", func() error { return pause(ctx, steadyFor) }); err != nil {
		return err
	}
	var ends []end
	err = b.during(w, fmt.Sprintf("%d ends a second", endsPerSecond), func() (err error) {
		ends, err = w.endSome(ctx, b.ends)
		return err
	})
	if err != nil {
		return err
	}
	return b.judge(ctx, w, ends)
}

// figure adds a row about watching.
func (b *bench) figure(name string, value float64, unit string, n int) {
	b.add(fmt.Sprintf("watching %d live jobs: %s", b.live, name), value, unit, n)
}

func (b *bench) deployWatched(ctx context.Context, more func(*config.Config)) (_ *watched, stop func(), err error) {
	w := &watched{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	w.sim = yarnsim.New(yarnsim.Options{
		Starting: 500 * time.Millisecond, NodeAddress: listener.Addr().String(),
		Run: func(ctx context.Context, app yarnsim.App) {
			if err := w.play(ctx, app); err != nil {
				fmt.Fprintln(os.Stderr, "bench: play the driver:", err)
			}
		},
	})
	server := &http.Server{Handler: w.sim, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	stop = func() {
		_ = server.Close() // nothing is lost
		w.sim.Close()
		if w.deployment != nil {
			w.stop()
		}
	}
	w.deployment, err = b.deployWithoutStarter(ctx, func(state string) func(*config.Config) {
		return func(c *config.Config) {
			cluster := config.DefaultCluster(config.TypeYARN)
			cluster.Root = filepath.Join(state, "jobs")
			cluster.YARN.ConfDirs = []string{filepath.Join(state, "hadoop")}
			cluster.YARN.User, cluster.YARN.Runtimes = "stoker", filepath.Join(state, "runtimes")
			cluster.Logs.Follow = *followLogs
			c.Clusters = map[string]config.Cluster{"yarn": cluster}
			for i := range c.ModelManage.Engines {
				c.ModelManage.Engines[i].Cluster = "yarn"
			}
			c.ModelManage.Messages.Stdout, c.ModelManage.Messages.Stderr = "off", "off"
			if more != nil {
				more(c)
			}
			err = prepareCluster(ctx, state, listener.Addr().String())
		}
	})
	if err != nil {
		stop()
		return nil, nil, err
	}
	return w, stop, nil
}

// prepareCluster writes Hadoop's client configuration and a Spark that nobody
// runs.
func prepareCluster(ctx context.Context, state, resourceManager string) error {
	home := filepath.Join(state, "spark")
	files := map[string]string{
		filepath.Join(state, "hadoop", "yarn-site.xml"): yarnsim.Configuration(resourceManager, true),
		filepath.Join(state, "hadoop", "core-site.xml"): `<?xml version="1.0"?>
<configuration><property><name>fs.defaultFS</name><value>file:///</value></property></configuration>
`,
		filepath.Join(home, "jars", "spark-core_2.12-3.5.9.jar"):      "",
		filepath.Join(home, "jars", "hadoop-client-api-3.3.4.jar"):    "",
		filepath.Join(home, "python", "lib", "pyspark.zip"):           "",
		filepath.Join(home, "python", "lib", "py4j-0.10.9.7-src.zip"): "",
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil { // everybody's
			return err
		}
	}
	_, err := yarn.StageRuntime(ctx, file.New(file.Options{}), filepath.Join(state, "runtimes"), home, nil)
	return err
}

// rampUp starts jobs, not too many at once, until all run.
func (w *watched) rampUp(ctx context.Context, jobs int) error {
	var started atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go w.progress(ctx, &started, jobs)
	var starts sync.WaitGroup
	next := make(chan string)
	for range 8 {
		starts.Go(func() {
			for id := range next {
				if err := w.start(ctx, id); err != nil {
					cancel(fmt.Errorf("start %s: %w", id, err))
				}
				started.Add(1)
			}
		})
	}
	for i := 0; i < jobs && ctx.Err() == nil; {
		if int(started.Load())-w.sim.Count(rm.StateRunning) > rampWidth {
			_ = pause(ctx, 10*time.Millisecond) // the loop ends with ctx
			continue
		}
		next <- fmt.Sprintf("watched-%05d", i)
		i++
	}
	close(next)
	starts.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for limit := time.Now().Add(5 * time.Minute); w.sim.Count(rm.StateRunning) < jobs; {
		if time.Now().After(limit) {
			return fmt.Errorf("only %d of %d applications run", w.sim.Count(rm.StateRunning), jobs)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (w *watched) progress(ctx context.Context, started *atomic.Int64, jobs int) {
	for pause(ctx, 10*time.Second) == nil {
		fmt.Printf("  %d of %d jobs started, %d run\n", started.Load(), jobs, w.sim.Count(rm.StateRunning))
	}
}

// start is what the starter does when it has found a job.
func (w *watched) start(ctx context.Context, id string) error {
	if err := w.create(document(id, idleModel)); err != nil {
		return err
	}
	key := job.Key{Source: job.SourceModelManage, ID: id}
	_, err := w.client.ExecuteWorkflow(ctx, jobs.RegisteredOptions(key, "MODEL_BATCH_JOB", "spark-runtime-1"),
		workflows.TypeSparkBatchJob, workflows.Input{Key: key})
	return err
}

// end is the end of one application.
type end struct {
	workflow string
	at       time.Time
}

// endSome ends applications in random order until a time is over.
func (w *watched) endSome(ctx context.Context, d time.Duration) ([]end, error) {
	running := w.sim.Apps(rm.StateRunning)
	rand.Shuffle(len(running), func(i, j int) { running[i], running[j] = running[j], running[i] })
	tick := time.NewTicker(time.Second / endsPerSecond)
	defer tick.Stop()
	var ends []end
	for limit := time.Now().Add(d); time.Now().Before(limit) && len(ends) < len(running); {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		app := running[len(ends)]
		dir, err := w.driver.JobDir(app)
		if err != nil {
			return nil, err
		}
		if err := w.driver.Return(app, []byte("a,b\n1,2\n")); err != nil {
			return nil, err
		}
		if err := w.driver.Leave(app); err != nil {
			return nil, err
		}
		if err := w.sim.End(app.ID, rm.FinalSucceeded, ""); err != nil {
			return nil, err
		}
		ended, _ := w.sim.App(app.ID)
		ends = append(ends, end{workflow: job.AttemptOf(filepath.Base(filepath.Dir(dir)), 1).WorkflowID, at: ended.EndedAt})
	}
	return ends, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
