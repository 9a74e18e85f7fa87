package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/workflows"
)

// during measures what something costs: requests to the ResourceManager, and
// processor time and memory of worker and Temporal.
func (b *bench) during(w *watched, when string, something func() error) error {
	before := w.sim.Requests()
	var used [2]float64
	for i, p := range []*process{w.worker, w.core} {
		cpu, err := p.cpu()
		if err != nil {
			return err
		}
		used[i] = cpu
	}
	began := time.Now()
	if err := something(); err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	after := w.sim.Requests()
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(after)) {
		n := after[kind] - before[kind]
		whom := "ResourceManager"
		if kind == yarnsim.KindNodeLog || kind == yarnsim.KindNodeLogs {
			whom = "NodeManagers"
		} else {
			total += n
		}
		if n > 0 {
			b.figure(fmt.Sprintf("requests to the %s, %s, %s", whom, when, kind), float64(n)/seconds, "1/s", n)
		}
	}
	b.figure("requests to the ResourceManager, "+when, float64(total)/seconds, "1/s", total)
	for i, p := range []*process{w.worker, w.core} {
		cpu, err := p.cpu()
		if err != nil {
			return err
		}
		rss, err := p.rss()
		if err != nil {
			return err
		}
		b.figure(p.name+" CPU a minute, "+when, (cpu-used[i])/seconds*60, "CPU-s", 1)
		b.figure(p.name+" memory (RSS), "+when, rss, "MB", 1)
	}
	return nil
}

// seenLimit is how long an end may go unseen before the benchmark gives up.
const seenLimit = 3 * time.Minute

// judge reads the histories of the jobs whose applications ended. An end is seen
// when WATCH is over: the workflow has scheduled COLLECT.
func (b *bench) judge(ctx context.Context, w *watched, ends []end) error {
	var seen, hints, events, looks []float64
	limit := time.Now().Add(seenLimit)
	for _, e := range ends {
		list, collect, err := w.collected(ctx, e.workflow, limit)
		if err != nil {
			return err
		}
		seen = append(seen, collect.Sub(e.at).Seconds())
		events = append(events, float64(len(list)))
		observed := 0.0
		for _, event := range list {
			if event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "Observe" {
				observed++
			}
		}
		looks = append(looks, observed)
		if at := firstHint(list, e.at); !at.IsZero() {
			hints = append(hints, at.Sub(e.at).Seconds())
		}
	}
	b.quantiles("end to hint received", hints)
	b.quantiles("end to COLLECT scheduled", seen)
	b.figure("ends that a hint told of", float64(len(hints))/float64(len(ends))*100, "%", len(ends))
	b.figure("Temporal events a job, median", quantile(events, 0.5), "events", len(events))
	b.figure("looks at the application a job, median", quantile(looks, 0.5), "looks", len(looks))
	return nil
}

func (b *bench) quantiles(name string, samples []float64) {
	if len(samples) == 0 {
		return
	}
	b.figure(name+", p50", quantile(samples, 0.5), "s", len(samples))
	b.figure(name+", p99", quantile(samples, 0.99), "s", len(samples))
	b.figure(name+", max", quantile(samples, 1), "s", len(samples))
}

// firstHint after a time; zero if none came.
func firstHint(events []*history.HistoryEvent, after time.Time) time.Time {
	for _, event := range events {
		at := event.GetEventTime().AsTime()
		if event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == workflows.SignalHint && !at.Before(after) {
			return at
		}
	}
	return time.Time{}
}

// collected waits until a workflow has closed, and returns its history and when
// it scheduled COLLECT.
func (w *watched) collected(ctx context.Context, id string, limit time.Time) ([]*history.HistoryEvent, time.Time, error) {
	waiting, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	if err := w.client.GetWorkflow(waiting, id, "").Get(waiting, nil); err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", id, err)
	}
	var events []*history.HistoryEvent
	var at time.Time
	all := w.client.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		if err != nil {
			return nil, at, err
		}
		events = append(events, event)
		name := event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		if at.IsZero() && strings.EqualFold(name, "Collect") {
			at = event.GetEventTime().AsTime()
		}
	}
	if at.IsZero() {
		return nil, at, errors.New(id + " closed without collecting")
	}
	return events, at, nil
}

// quantile of some samples, by nearest rank.
func quantile(samples []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
