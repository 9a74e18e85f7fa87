package observe

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// families are the metrics that a page shows.
type families map[string]*dto.MetricFamily

// scrape reads the metrics of worker and API, which here are one process, once what is
// counted aside has been counted.
func (i *installation) scrape(t *testing.T) families {
	t.Helper()
	for _, page := range []string{i.Config.Worker.HTTPAddress, i.Config.API.Address} {
		var all families
		require.Eventually(t, func() bool {
			parser := expfmt.NewTextParser(model.UTF8Validation)
			found, err := parser.TextToMetricFamilies(strings.NewReader(get(t, "http://"+page+"/metrics")))
			require.NoError(t, err)
			all = found
			for _, cluster := range []string{"local", "lake"} {
				if all.value("stoker_cluster_reachable", map[string]string{"cluster": cluster}) != 1 {
					return false
				}
			}
			return all["stoker_jobs"] != nil && all["stoker_cluster_snapshot_age_seconds"] != nil
		}, patience, 50*time.Millisecond, "what is counted aside does not come")
		if page == i.Config.API.Address {
			return all
		}
	}
	return nil
}

// labelsIn are the names of all labels that a family's series have.
func labelsIn(f *dto.MetricFamily) []string {
	found := map[string]bool{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			found[l.GetName()] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// value of a counter or gauge with these labels, or the count of a histogram; -1 if there
// is none.
func (f families) value(name string, want map[string]string) float64 {
	for _, m := range f[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		if !maps.Equal(has, want) {
			continue
		}
		if h := m.GetHistogram(); h != nil {
			return float64(h.GetSampleCount())
		}
		return m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return -1
}

var documented = regexp.MustCompile("(?m)^\\| `(stoker_[a-z_]+)` \\| (\\w+) \\| ([a-z, ]*) \\|")

// The page that describes the metrics and the processes agree: names, types and labels.
func TestMetricsAreAsDescribed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	require.NoError(t, err)
	described, shown := map[string]string{}, map[string]string{}
	for _, row := range documented.FindAllStringSubmatch(string(page), -1) {
		names := strings.Split(row[3], ", ")
		slices.Sort(names)
		described[row[1]] = row[2] + " " + strings.Join(names, ", ")
	}
	for name, family := range watched.get(t).scrape(t) {
		if strings.HasPrefix(name, "stoker_") {
			shown[name] = strings.ToLower(family.GetType().String()) + " " + strings.Join(labelsIn(family), ", ")
		}
	}
	require.Equal(t, described, shown)
}

// Every job is counted once though its history was replayed with each workflow task.
func TestReplaysCountNothing(t *testing.T) {
	t.Parallel()
	all := watched.get(t).scrape(t)
	finished := func(kind, outcome, class string) float64 {
		return all.value("stoker_jobs_finished_total", map[string]string{"cluster": "local", "kind": kind, "outcome": outcome, "class": class})
	}
	require.InDelta(t, 1, finished("pyspark", "succeeded", ""), 0)
	require.InDelta(t, 1, finished("pyspark", "failed", "application"), 0)
	require.InDelta(t, 1, finished("scoring", "failed", "application"), 0)
	require.InDelta(t, 0, finished("jar", "lost", ""), 0, "shown before there is one")
	require.InDelta(t, 3, all.value("stoker_launches_total", map[string]string{"cluster": "local", "result": "started"}), 0)
	for phase, want := range map[string]float64{
		"loading": 3, "reserving": 3, "staging": 3, "submitting": 3, "waiting": 3, "running": 3, "reporting": 3, "cleaning": 3,
	} {
		require.InDelta(t, want, all.value("stoker_job_phase_duration_seconds", map[string]string{"cluster": "local", "phase": phase}), 0, phase)
	}
	for _, cluster := range []string{"local", "lake"} {
		require.InDelta(t, 1, all.value("stoker_cluster_reachable", map[string]string{"cluster": cluster}), 0)
	}
	require.Less(t, all.value("stoker_cluster_snapshot_age_seconds", map[string]string{"cluster": "lake"}), 30.0)
}
