package workflows

import (
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/stoker-spark/stoker/job"
)

// Search attributes of a job, all Keyword but the labels.
var (
	AttributeCluster = temporal.NewSearchAttributeKeyKeyword("SparkCluster")
	AttributePhase   = temporal.NewSearchAttributeKeyKeyword("SparkPhase")
	AttributeApp     = temporal.NewSearchAttributeKeyKeyword("SparkAppId")
	AttributeTenant  = temporal.NewSearchAttributeKeyKeyword("StokerTenant")
	AttributeModel   = temporal.NewSearchAttributeKeyKeyword("ModelId")
	AttributeKind    = temporal.NewSearchAttributeKeyKeyword("JobKind")
	AttributeUser    = temporal.NewSearchAttributeKeyKeyword("SparkUser")
	AttributeQueue   = temporal.NewSearchAttributeKeyKeyword("SparkQueue")
	// AttributeOutcome is the job.Result of a job that has ended: a workflow that
	// failed may be a job that failed or one that is lost.
	AttributeOutcome = temporal.NewSearchAttributeKeyKeyword("SparkOutcome")
	// AttributeLabels holds "key=value" for each label.
	AttributeLabels = temporal.NewSearchAttributeKeyKeywordList("SparkLabels")
)

// SearchAttributes are the search attributes a namespace must have.
func SearchAttributes() map[string]enums.IndexedValueType {
	all := map[string]enums.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{
		AttributeCluster, AttributePhase, AttributeApp, AttributeTenant, AttributeModel, AttributeKind,
		AttributeUser, AttributeQueue, AttributeOutcome, AttributeLabels,
	} {
		all[key.GetName()] = key.GetValueType()
	}
	return all
}

// LabelValues are a job's labels as AttributeLabels holds them, in order.
func LabelValues(labels map[string]string) []string {
	values := make([]string, 0, len(labels))
	for _, key := range workflow.DeterministicKeys(labels) {
		values = append(values, key+"="+labels[key])
	}
	return values
}

// attributes are the values set so far, so that each is set only on change.
type attributes struct {
	Phase string `json:"phase,omitempty"`
	App   string `json:"app,omitempty"`
	Spec  bool   `json:"spec,omitempty"`
	// Outcome was set.
	Outcome bool `json:"outcome,omitempty"`
}

// maxAttribute keeps a value below the 255 characters of SQL visibility.
const maxAttribute = 200

// publishAttributes brings the search attributes up to date in one event, or
// none if nothing changed.
func (b *batchJob) publishAttributes(ctx workflow.Context) error {
	var updates []temporal.SearchAttributeUpdate
	if phase := string(b.phase); b.attrs.Phase != phase {
		b.attrs.Phase = phase
		updates = append(updates, AttributePhase.ValueSet(phase))
	}
	if b.launched() != "" && b.attrs.App != b.launched() {
		b.attrs.App = b.launched()
		updates = append(updates, AttributeApp.ValueSet(job.Head(b.launched(), maxAttribute)))
	}
	if b.outcome != nil && !b.attrs.Outcome {
		b.attrs.Outcome = true
		updates = append(updates, AttributeOutcome.ValueSet(string(b.outcome.Result)))
	}
	if b.loaded && !b.attrs.Spec {
		b.attrs.Spec = true
		if labels := LabelValues(b.spec.Labels); len(labels) > 0 {
			updates = append(updates, AttributeLabels.ValueSet(labels))
		}
		for _, a := range []struct {
			key   temporal.SearchAttributeKeyKeyword
			value string
		}{
			{AttributeCluster, b.spec.Cluster},
			{AttributeTenant, b.spec.Tenant},
			{AttributeModel, b.spec.ModelID},
			{AttributeKind, string(b.spec.Kind)},
			{AttributeUser, b.spec.User},
			{AttributeQueue, b.spec.Queue},
		} {
			if a.value != "" {
				updates = append(updates, a.key.ValueSet(job.Head(a.value, maxAttribute)))
			}
		}
	}
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// describe writes the current details, Markdown shown by the Web UI.
func (b *batchJob) describe(ctx workflow.Context) {
	var d strings.Builder
	fmt.Fprintf(&d, "**%s**", b.phase)
	if b.spec.Cluster != "" {
		fmt.Fprintf(&d, " on cluster `%s`", b.spec.Cluster)
	}
	if b.attempt > 0 {
		fmt.Fprintf(&d, ", attempt %d", b.attempt)
	}
	d.WriteString("\n")
	if b.application != "" {
		fmt.Fprintf(&d, "\n- application `%s`", b.application)
	}
	if b.observation.State != "" {
		fmt.Fprintf(&d, "\n- the cluster says **%s**", b.observation.State)
		if b.observation.Raw != "" {
			fmt.Fprintf(&d, ": %s", oneLine(b.observation.Raw))
		}
	}
	for _, t := range []struct {
		label string
		at    time.Time
	}{{"waiting since", b.waitingAt}, {"running since", b.runningAt}, {"deadline", b.deadlineAt}} {
		if !t.at.IsZero() {
			fmt.Fprintf(&d, "\n- %s %s", t.label, t.at.UTC().Format(time.RFC3339))
		}
	}
	if b.obstacle != "" {
		fmt.Fprintf(&d, "\n- waiting: %s", oneLine(b.obstacle))
	}
	if b.stop.asked() {
		fmt.Fprintf(&d, "\n- ending early: %s", oneLine(b.stop.words()))
	}
	if b.outcome != nil {
		fmt.Fprintf(&d, "\n- outcome **%s**", oneLine(b.outcome.String()))
		for _, note := range b.outcome.Notes {
			fmt.Fprintf(&d, "\n- note: %s", oneLine(note))
		}
	}
	if b.cleanProblem != "" {
		fmt.Fprintf(&d, "\n- not cleaned: %s", oneLine(b.cleanProblem))
	}
	workflow.SetCurrentDetails(ctx, d.String())
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(job.Head(s, job.MaxMessage)), " ")
}
