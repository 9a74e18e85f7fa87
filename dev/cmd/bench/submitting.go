package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// streamed submissions follow each other at this interval.
	streamed    = 100
	streamEvery = 500 * time.Millisecond
)

// submitting measures what a submission costs, against spark-submit on the same
// cluster.
func (b *bench) submitting(ctx context.Context) error {
	o, err := b.deployOnHadoop(ctx)
	if err != nil {
		return err
	}
	defer o.stop(ctx)
	path := filepath.Join(o.state, "script.py")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		return err
	}
	ids := []string{"warm-up"}
	if err := o.submitOne(ctx, ids[0], 1); err != nil {
		return err
	}
	var theirs []usage
	for i := range b.runs {
		u, err := measure(o.sparkSubmit(b, path))
		if err != nil {
			return err
		}
		theirs = append(theirs, u)
		ids = append(ids, fmt.Sprintf("pair-%d", i))
		if err := o.submitOne(ctx, ids[i+1], i+2); err != nil {
			return err
		}
	}
	b.usage("spark-submit to YARN, not waiting", theirs)
	pairs, err := o.walls(ctx, ids[1:])
	if err != nil {
		return err
	}
	b.phases("submission to YARN, in turn with spark-submit", pairs)
	var ratios []float64
	for i, p := range pairs {
		ratios = append(ratios, theirs[i].wall/p.total())
	}
	b.spread("spark-submit's wall over Stoker's, by pair", "", ratios)
	cpu := median(theirs, func(u usage) float64 { return u.cpu })
	if err := b.stream(ctx, o, len(ids), cpu); err != nil {
		return err
	}
	return b.withoutTemporal(o, cpu)
}

// submitOne waits until a job's application waits for room, as the nth.
func (o *onHadoop) submitOne(ctx context.Context, id string, n int) error {
	if err := o.begin(ctx, id, script); err != nil {
		return err
	}
	return o.reached(ctx, rm.StateAccepted, n, 50*time.Millisecond)
}

// sparkSubmit sends the same script, with everything staged before that can be.
func (o *onHadoop) sparkSubmit(b *bench, path string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.spark.Home, "bin", "spark-submit"), "--master", "yarn", "--deploy-mode", "cluster",
		"--queue", heldQueue, "--driver-memory", driverMemory, "--num-executors", "1",
		"--conf", "spark.yarn.archive="+o.store.URL(o.runtime.Archive.Path), "--conf", "spark.yarn.submit.waitAppCompletion=false",
		"--conf", "spark.yarn.maxAppAttempts=1", "--conf", "spark.yarn.tags="+o.foreignTag, path, "hdfs:///tmp/never")
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+o.cluster.ConfDir, "HADOOP_USER_NAME="+o.cluster.User, "SPARK_LOCAL_IP=127.0.0.1",
		"JAVA_HOME="+o.cluster.JavaHome, "SPARK_HOME="+b.spark.Home, "PYSPARK_PYTHON="+b.spark.Python,
		"PYSPARK_ARCHIVES_PATH="+o.store.URL(o.runtime.PySpark.Path)+","+o.store.URL(o.runtime.Py4J.Path))
	return cmd
}

// stream submits jobs at an even pace, beside before that wait already, and
// compares the worker's processor time with spark-submit's.
func (b *bench) stream(ctx context.Context, o *onHadoop, before int, theirs float64) error {
	idle, err := o.used(func() error { return pause(ctx, 10*time.Second) })
	if err != nil {
		return err
	}
	var ids []string
	begun := time.Now()
	used, err := o.used(func() error {
		for i := range streamed {
			ids = append(ids, fmt.Sprintf("stream-%d", i))
			if err := o.begin(ctx, ids[i], script); err != nil {
				return err
			}
			if err := pause(ctx, time.Until(begun.Add(time.Duration(i+1)*streamEvery))); err != nil {
				return err
			}
		}
		return o.reached(ctx, rm.StateAccepted, before+streamed, 500*time.Millisecond)
	})
	if err != nil {
		return err
	}
	walls, err := o.walls(ctx, ids)
	if err != nil {
		return err
	}
	b.phases("submission to YARN, two a second", walls)
	b.add("submission to YARN: CPU of the worker, watching included", used[0]/streamed*1000, "CPU-ms", streamed)
	b.add("submission to YARN: CPU of Temporal and simulator", used[1]/streamed*1000, "CPU-ms", streamed)
	b.add("submission to YARN: CPU of the worker, before the hundred, a second", idle[0]/10*1000, "CPU-ms", 1)
	b.add("spark-submit's CPU over the worker's, per submission", theirs/(used[0]/streamed), "", streamed)
	return nil
}

// used is the processor time of worker and of Temporal during something, in seconds.
func (o *onHadoop) used(something func() error) (used [2]float64, err error) {
	for _, sign := range []float64{-1, 1} {
		for i, p := range []*process{o.worker, o.core} {
			cpu, err := p.cpu()
			if err != nil {
				return used, err
			}
			used[i] += sign * cpu
		}
		if sign < 0 {
			if err := something(); err != nil {
				return used, err
			}
		}
	}
	return used, nil
}

// submission is when the parts of one began and ended, by its history.
type submission struct {
	reserving, reserved, staging, staged, submitting, accepted time.Time
}

// total runs from the Reserve task's scheduling to the answer of Submit, which
// comes after the ResourceManager's own word that the application is ACCEPTED.
func (s submission) total() float64 { return s.accepted.Sub(s.reserving).Seconds() }

// walls reads the histories of jobs that were accepted.
func (o *onHadoop) walls(ctx context.Context, ids []string) ([]submission, error) {
	list := make([]submission, 0, len(ids))
	for _, id := range ids {
		var s submission
		for limit := time.Now().Add(time.Minute); s.accepted.IsZero(); {
			var events []*history.HistoryEvent
			all := o.client.GetWorkflowHistory(ctx, keyOf(id).WorkflowID(), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for all.HasNext() {
				event, err := all.Next()
				if err != nil {
					return nil, err
				}
				events = append(events, event)
			}
			s.reserving, s.reserved = span(events, "Reserve")
			s.staging, s.staged = span(events, "Stage")
			s.submitting, s.accepted = span(events, "Submit")
			if time.Now().After(limit) {
				return nil, fmt.Errorf("the application of %s was not submitted", id)
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// phases adds the wall time of submissions and where it goes.
func (b *bench) phases(name string, list []submission) {
	samples := map[string][]float64{}
	for _, s := range list {
		for part, seconds := range map[string]float64{
			"": s.total(), ", reserve": s.reserved.Sub(s.reserving).Seconds(), ", stage": s.staged.Sub(s.staging).Seconds(),
			", submit": s.accepted.Sub(s.submitting).Seconds(),
		} {
			samples[part] = append(samples[part], seconds)
		}
	}
	b.spread(name+", wall", "s", samples[""])
	for _, part := range []string{", reserve", ", stage", ", submit"} {
		b.add(name+part+", median", quantile(samples[part], 0.5), "s", len(list))
	}
}

func median(list []usage, of func(usage) float64) float64 {
	samples := make([]float64, 0, len(list))
	for _, u := range list {
		samples = append(samples, of(u))
	}
	slices.Sort(samples)
	return samples[len(samples)/2]
}
