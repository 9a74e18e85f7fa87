package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// burstSize is how many jobs are started at once, by so many clients.
	burstSize    = 200
	burstClients = 8
)

// burst measures many submissions at once: how long they take, what memory they
// need, and whose processor time.
func (b *bench) burst(ctx context.Context) error {
	o, err := b.deployOnHadoop(ctx)
	if err != nil {
		return err
	}
	defer o.stop(ctx)
	ids := make([]string, burstSize)
	for i := range ids {
		ids[i] = fmt.Sprintf("burst-%d", i)
		if err := o.create(document(ids[i], script)); err != nil {
			return err
		}
	}
	idle, err := o.worker.rss()
	if err != nil {
		return err
	}
	before, err := o.everybody()
	if err != nil {
		return err
	}
	ended, most := make(chan struct{}), make(chan float64)
	go func() { most <- highWater(o.worker.cmd.Process.Pid, ended) }()
	err = o.startAll(ctx, ids)
	if err == nil {
		err = o.reached(ctx, rm.StateAccepted, burstSize, 250*time.Millisecond)
	}
	close(ended)
	peak := <-most
	if err != nil {
		return err
	}
	after, err := o.everybody()
	if err != nil {
		return err
	}
	walls, err := o.walls(ctx, ids)
	if err != nil {
		return err
	}
	first, last := walls[0].reserving, walls[0].accepted
	for _, w := range walls {
		if w.reserving.Before(first) {
			first = w.reserving
		}
		if w.accepted.After(last) {
			last = w.accepted
		}
	}
	took := last.Sub(first).Seconds()
	name := fmt.Sprintf("burst of %d submissions to YARN", burstSize)
	b.add(name+", first RESERVE to last ACCEPTED", took, "s", burstSize)
	b.add(name+", a minute", burstSize/took*60, "1/min", burstSize)
	b.phases(name, walls)
	b.add(name+", worker memory (RSS) before", idle, "MB", 1)
	b.add(name+", worker memory (RSS) above that, at most, per submission", (peak-idle)/burstSize, "MB", burstSize)
	for _, who := range consumers {
		b.add(name+", CPU of "+who, after[who]-before[who], "CPU-s", 1)
	}
	return nil
}

// startAll starts the workflows of jobs.
func (o *onHadoop) startAll(ctx context.Context, ids []string) error {
	next := make(chan string)
	failed := make(chan error, len(ids))
	var clients sync.WaitGroup
	for range burstClients {
		clients.Go(func() {
			for id := range next {
				if err := o.execute(ctx, id); err != nil {
					failed <- err
				}
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	clients.Wait()
	close(failed)
	return <-failed // nil if none did
}

// consumers of processor time.
var consumers = []string{"the worker", "Temporal and simulator", "the ResourceManager", "the NameNode", "the DataNode", "the NodeManager"}

// everybody is the processor time that each has used so far, in seconds.
func (o *onHadoop) everybody() (map[string]float64, error) {
	pids := []int{
		o.worker.cmd.Process.Pid, o.core.cmd.Process.Pid, o.cluster.PIDs[hadoop.ResourceManager], o.cluster.PIDs[hadoop.NameNode],
		o.cluster.PIDs[hadoop.DataNode], o.cluster.PIDs[hadoop.NodeManager],
	}
	used := make(map[string]float64, len(pids))
	for i, pid := range pids {
		cpu, err := cpuOf(pid)
		if err != nil {
			return nil, err
		}
		used[consumers[i]] = cpu
	}
	return used, nil
}
