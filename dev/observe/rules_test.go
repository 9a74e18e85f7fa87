package observe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// ofTheScrape are the labels that Prometheus itself adds.
var ofTheScrape = []string{"job", "instance"}

// requireShown makes sure that an expression can be parsed, and that each metric in it is
// shown with all labels that are asked for.
func requireShown(t *testing.T, all families, expression string) {
	t.Helper()
	tree, err := parser.ParseExpr(expression)
	require.NoError(t, err, expression)
	selectors := 0
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		selectors++
		has := all.labelsOf(selector.Name)
		require.NotNil(t, has, "nothing shows %s, which is asked for in %s", selector.Name, expression)
		for _, m := range selector.LabelMatchers {
			if m.Name != model.MetricNameLabel {
				require.Contains(t, has, m.Name, "%s has no such label, which is asked for in %s", selector.Name, expression)
			}
		}
		for _, above := range path {
			if grouped, ok := above.(*parser.AggregateExpr); ok {
				require.Subset(t, has, grouped.Grouping, "%s has not all labels that %s groups by", selector.Name, expression)
			}
		}
		return nil
	})
	require.NotZero(t, selectors, expression)
}

// labelsOf are the labels of a series' name, nil if there is none: a histogram has three.
func (f families) labelsOf(name string) []string {
	if family := f[name]; family != nil && family.GetType().String() != "HISTOGRAM" {
		return slices.Concat(labelsIn(f[name]), ofTheScrape)
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		base, ok := strings.CutSuffix(name, suffix)
		if family := f[base]; !ok || family == nil || family.GetType().String() != "HISTOGRAM" {
			continue
		}
		has := slices.Concat(labelsIn(f[base]), ofTheScrape)
		if suffix == "_bucket" {
			has = append(has, "le")
		}
		return has
	}
	return nil
}

// dashboard is what is looked at of Grafana's format.
type dashboard struct {
	Title      string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID      int
		Title   string
		Type    string
		Targets []struct{ Expr string }
	}
}

// Grafana puts these in; the parser needs something in their place.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$cluster", "local", "$job", "stoker")

// The dashboard asks for nothing that is not there.
func TestDashboard(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "stoker.json"))
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(data, &d))
	require.Equal(t, "Stoker", d.Title)
	all := watched.get(t).scrape(t)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if inner, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			selector, label, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
			require.NotEmpty(t, label, v.Definition)
			if !strings.HasPrefix(selector, "{") {
				require.Contains(t, all.labelsOf(selector), label, v.Definition)
			}
		}
	}
	require.Equal(t, []string{"datasource", "cluster", "job"}, names)
	ids, expressions := map[int]bool{}, 0
	for _, panel := range d.Panels {
		require.False(t, ids[panel.ID], "two panels have the id %d", panel.ID)
		ids[panel.ID] = true
		require.Equal(t, panel.Type == "row", len(panel.Targets) == 0, panel.Title)
		for _, target := range panel.Targets {
			expression := variables.Replace(target.Expr)
			require.NotContains(t, expression, "$", panel.Title)
			requireShown(t, all, expression)
			expressions++
		}
	}
	require.Greater(t, expressions, 20)
}

// So do the alert rules, which Prometheus takes.
func TestAlerts(t *testing.T) {
	t.Parallel()
	groups, errs := rulefmt.ParseFile(filepath.Join("..", "..", "deploy", "prometheus", "alerts.yaml"), false, model.UTF8Validation)
	require.Empty(t, errs)
	all := watched.get(t).scrape(t)
	rules := 0
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			requireShown(t, all, rule.Expr)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.NotEmpty(t, rule.Labels["severity"], rule.Alert)
			rules++
		}
	}
	require.Greater(t, rules, 5)
}

// What is not shown is noticed.
func TestAWrongExpressionIsNoticed(t *testing.T) {
	t.Parallel()
	all := watched.get(t).scrape(t)
	require.Nil(t, all.labelsOf("stoker_jobs_ended_total"))
	require.Nil(t, all.labelsOf("stoker_job_phase_duration_seconds"), "a histogram has no series of its own name")
	require.NotContains(t, all.labelsOf("stoker_launches_total"), "outcome")
	require.Contains(t, all.labelsOf("stoker_job_phase_duration_seconds_bucket"), "le")
}
