package job

import (
	"encoding/json"
	"time"
)

// Asset is one file of a job: an input, an output, or a part of its model.
type Asset struct {
	// FileName is the base name the file has in the job directory; safe.
	FileName string
	// Format is "CSV", "JSON", … in upper case, "" when unknown.
	Format string
	// URL is set for an asset that stays where it is.
	URL string
	// Embedded: the content travels inside the job document.
	Embedded bool
	// Content of an embedded input or model file.
	Content []byte
	// Index is the asset's place in its list of the job document, which need
	// not equal its place in the manifest's list.
	Index int
	// Object is the asset as the source described it, passed whole to the
	// model, without content.
	Object map[string]any
}

// SourceFile is one file of the model's source code.
type SourceFile struct {
	// Path relative to the source root, with '/', safe ("pkg/helpers.py").
	Path string
	Text string
}

// WorkFile is a file that the model finds in its working directory.
type WorkFile struct {
	// Path relative to the working directory, with '/', safe.
	Path    string
	Content []byte
}

// Function is a function of the model and how it was found.
type Function struct {
	Name string
	// Origin for the log: "asset field scoreFunction", "smart comment
	// # modelop.score" or "conventional name".
	Origin string
}

// Manifest is a PySpark model job, complete with content: what STAGE writes
// into the job directory. It never enters a Temporal history.
type Manifest struct {
	Kind    Kind
	Primary SourceFile
	// Siblings are importable beside the primary source.
	Siblings []SourceFile
	// Init is nil when the model has none.
	Init     *Function
	Function Function

	WorkFiles   []WorkFile
	Inputs      []Asset
	Outputs     []Asset
	ModelAssets []Asset

	// Options are Spark's, resolved through the rule table.
	Options Options
	// Parameters are the free keys for the model.
	Parameters map[string]string
	// Document is the job document without contents, for a one-argument init.
	Document json.RawMessage

	// Program is what runs in place of a model; then only it and the Options are
	// there.
	Program *Program
}

// Options are the Spark options of a job after the rule table: nothing in
// them is refused, and no limit of the profile is exceeded.
type Options struct {
	// Conf holds spark.* keys. A value "secret:<name>" is resolved on the
	// cluster's worker just before launch.
	Conf map[string]string `json:"conf,omitempty"`
	// Limits of the profile: keys whose values, where Conf has none, the launch keeps at
	// or below these.
	Limits map[string]string `json:"limits,omitempty"`
	// Args are further spark-submit arguments, in order: "--num-executors", "2".
	Args []string `json:"args,omitempty"`
}

// Spec is the part of a job that its workflow needs: small, without content
// and without secrets, so that it may stand in a history.
type Spec struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"`
	// User on whose behalf the job runs.
	User     string            `json:"user,omitempty"`
	Tenant   string            `json:"tenant,omitempty"`
	ModelID  string            `json:"modelId,omitempty"`
	Cluster  string            `json:"cluster"`
	Queue    string            `json:"queue,omitempty"`
	Profile  string            `json:"profile,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Priority int               `json:"priority,omitempty"`
	// PythonDriver: the job runs under Stoker's Python driver.
	PythonDriver bool `json:"pythonDriver"`
	// EmbeddedOutputs counts the outputs to collect.
	EmbeddedOutputs int `json:"embeddedOutputs"`

	// Deadline bounds the whole job, counted from the start of its workflow.
	Deadline time.Duration `json:"deadline"`
	// RunLimit bounds the running phase; 0 is no limit.
	RunLimit time.Duration `json:"runLimit,omitempty"`
	// OutageLimit is how long the cluster, or its worker, may be out of reach
	// before the job is given up.
	OutageLimit time.Duration `json:"outageLimit"`
	Retry       RetryPolicy   `json:"retry"`
}

// RetryPolicy says when a new attempt, a new application, may be made.
type RetryPolicy struct {
	// InfrastructureRetries bounds new attempts after infrastructure failures.
	InfrastructureRetries int `json:"infrastructureRetries"`
	// RerunAfterStart allows them although user code may have begun.
	RerunAfterStart bool `json:"rerunAfterStart,omitempty"`
}

// May reports whether another attempt may follow an outcome. Only an
// infrastructure failure is retried, and only if user code provably never
// began or the job opted in to more; lost never is.
func (p RetryPolicy) May(o Outcome, began Began, attemptsMade int) bool {
	if o.Result != ResultFailed || o.Class != ClassInfrastructure {
		return false
	}
	if attemptsMade > p.InfrastructureRetries {
		return false
	}
	return began == BeganNo || p.RerunAfterStart
}
