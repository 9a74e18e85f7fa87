package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/worker"
	"github.com/stoker-spark/stoker/workflows"
)

// heldQueue takes the applications. One that runs there uses up what the queue
// gives application masters, so that all others stay ACCEPTED: two cores would not
// bear hundreds of drivers.
const (
	heldQueue    = "batch"
	driverMemory = "2g"
)

const holderModel = `
import time
from pyspark import SparkContext
def score(external_inputs, external_outputs, external_model_assets):
    SparkContext.getOrCreate()
    time.sleep(3600)
`

// onHadoop is a deployment on a real Hadoop cluster.
type onHadoop struct {
	*deployment
	cluster *hadoop.Cluster
	config  config.Config
	rm      *rm.Client
	store   store.Store
	runtime yarn.Runtime
	root    string
	// tag of this deployment's applications, and of those that spark-submit sends.
	tag, foreignTag string
}

// deployOnHadoop starts Stoker on the cluster, and an application that holds the
// queue; the caller stops it.
func (b *bench) deployOnHadoop(ctx context.Context) (_ *onHadoop, err error) {
	o := &onHadoop{}
	if o.cluster, err = hadoop.Load(b.hadoop); err != nil {
		return nil, err
	}
	if o.rm, err = rm.New(rm.Options{Addresses: []string{o.cluster.Addresses.ResourceManagerWeb}, User: o.cluster.User}); err != nil {
		return nil, err
	}
	o.deployment, err = b.deployWithoutStarter(ctx, func(state string) func(*config.Config) {
		return func(c *config.Config) { err = o.configure(ctx, b, state, c) }
	})
	if err == nil {
		if err = o.begin(ctx, "holder", holderModel); err == nil {
			err = o.reached(ctx, rm.StateRunning, 1, time.Second)
		}
	}
	if err != nil {
		o.stop(ctx)
		return nil, err
	}
	return o, pause(ctx, 15*time.Second) // its driver, and start-up garbage
}

func (o *onHadoop) configure(ctx context.Context, b *bench, state string, c *config.Config) error {
	c.Installation = filepath.Base(state)
	o.tag, o.foreignTag = yarn.ClusterTag(c.Installation, "yarn"), "foreign-"+c.Installation
	o.root = path.Join("/user", o.cluster.User, c.Installation)
	cluster := config.DefaultCluster(config.TypeYARN)
	cluster.Root = o.root
	cluster.Spark.Profile = options.Profile{Name: "bench", Conf: map[string]string{
		"spark.driver.memory": driverMemory, "spark.executor.instances": "1", "spark.executor.memory": "512m",
		"spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
	}}
	cluster.YARN.ConfDirs, cluster.YARN.User, cluster.YARN.Queue = []string{o.cluster.ConfDir}, o.cluster.User, heldQueue
	cluster.YARN.JavaHome, cluster.YARN.Python = o.cluster.JavaHome, b.spark.Python
	c.Clusters = map[string]config.Cluster{"yarn": cluster}
	for i := range c.ModelManage.Engines {
		c.ModelManage.Engines[i].Cluster = "yarn"
	}
	c.ModelManage.Messages.Stdout, c.ModelManage.Messages.Stderr = "off", "off"
	o.config = *c
	var dir string
	var err error
	if o.store, dir, err = worker.OpenRuntimes(*c, "yarn", worker.Openings{}); err != nil {
		return err
	}
	o.runtime, err = yarn.StageRuntime(ctx, o.store, dir, b.spark.Home, nil)
	return err
}

// begin does what the starter does when it has found a job.
func (o *onHadoop) begin(ctx context.Context, id, source string) error {
	if err := o.create(document(id, source)); err != nil {
		return err
	}
	return o.execute(ctx, id)
}

func (o *onHadoop) execute(ctx context.Context, id string) error {
	key := keyOf(id)
	_, err := o.client.ExecuteWorkflow(ctx, jobs.RegisteredOptions(key, "MODEL_BATCH_JOB", "spark-runtime-1"),
		workflows.TypeSparkBatchJob, workflows.Input{Key: key})
	return err
}

func keyOf(id string) job.Key { return job.Key{Source: job.SourceModelManage, ID: id} }

// count counts applications with a tag in a state; -1 if nobody answers.
func (o *onHadoop) count(ctx context.Context, tag string, state rm.State) int {
	apps, err := o.rm.List(ctx, rm.Filter{Tags: []string{tag}, States: []rm.State{state}, DeSelects: rm.Lean})
	if err != nil {
		return -1
	}
	return len(apps)
}

// reached waits until so many applications of this deployment are in a state.
func (o *onHadoop) reached(ctx context.Context, state rm.State, n int, every time.Duration) error {
	for limit := time.Now().Add(5 * time.Minute); ; {
		found := o.count(ctx, o.tag, state)
		if found >= n {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("only %d of %d applications are %s; see %s", found, n, state, o.state)
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}

// killAll ends all applications that were sent.
func (o *onHadoop) killAll(ctx context.Context) error {
	var killing sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, tag := range []string{o.tag, o.foreignTag} {
		apps, err := o.rm.List(ctx, rm.Filter{Tags: []string{tag}, DeSelects: rm.Lean})
		if err != nil {
			return err
		}
		for _, app := range apps {
			slots <- struct{}{}
			killing.Go(func() {
				defer func() { <-slots }()
				_, _ = o.rm.Kill(ctx, app.ID, "the benchmark is over") // what has ended need not end
				if tag == o.foreignTag {
					_ = o.store.RemoveAll(ctx, path.Join("/user", o.cluster.User, ".sparkStaging", app.ID)) // as above
				}
			})
		}
	}
	killing.Wait()
	return nil
}

// stop ends the processes, then all applications.
func (o *onHadoop) stop(ctx context.Context) {
	if o.deployment != nil {
		o.deployment.stop()
	}
	ctx = context.WithoutCancel(ctx)
	if o.store != nil {
		if err := o.killAll(ctx); err != nil {
			fmt.Println("the benchmark's applications are left:", err)
		}
		for _, dir := range []string{o.root, o.root + "-logs"} {
			_ = o.store.RemoveAll(ctx, dir) // best effort
		}
	}
}
