package modelmanage

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/options"
)

const (
	// maxShort bounds names and ids from a document that enter a Spec.
	maxShort = 200
	// maxProblems bounds the list of what is wrong with a document.
	maxProblems = 100
	maxProblem  = 500
	// maxAssets bounds each list of assets.
	maxAssets = 10_000
)

// Conversion is what Convert needs to know besides the document.
type Conversion struct {
	// Engines whose jobs are taken (Config.Engines).
	Engines []Engine
	// Clusters by name; a job may choose another one by stoker.cluster.
	Clusters map[string]options.Cluster
	// ApplicationIDParameter as in Config: a key of jobParameters that is
	// Stoker's own, not the job's.
	ApplicationIDParameter string
	// MaxAssetBytes and MaxEmbeddedBytes as in Config; 0 is no limit.
	MaxAssetBytes    int64
	MaxEmbeddedBytes int64
	// Deadline of a job that asks for none. MaxDeadline is the most one may ask
	// for; 0 is Deadline itself, and with both 0 there is no most.
	Deadline    time.Duration
	MaxDeadline time.Duration
	// RunLimit of a job that asks for none, and the most one may ask for; 0 is
	// no limit.
	RunLimit time.Duration
	// OutageLimit and Retry go into every Spec as they are.
	OutageLimit time.Duration
	Retry       job.RetryPolicy
}

// Conversion returns what Convert needs of this configuration; clusters, times
// and retry are the caller's to add.
func (c Config) Conversion() Conversion {
	return Conversion{
		Engines:                c.Engines,
		ApplicationIDParameter: c.ApplicationIDParameter,
		MaxAssetBytes:          c.MaxAssetBytes,
		MaxEmbeddedBytes:       c.MaxEmbeddedBytes,
	}
}

// Convert turns a document into the job that it asks for. The error, of code
// invalid, lists every problem; the Spec then holds what could be read, for
// people, and the Manifest is not to be used.
//
// Every path in a Manifest is safe: relative, without "..", and no two are the
// same or one inside the other.
func Convert(doc Document, c Conversion) (job.Spec, job.Manifest, error) {
	v := converter{doc: doc, rules: c}
	if doc.Root == nil {
		v.addf("the document is no JSON object")
		return job.Spec{PythonDriver: true}, job.Manifest{}, v.err("the job document is wrong")
	}
	v.kind()
	v.options()
	v.model()
	v.data()
	v.functions()
	v.document()
	v.spec()
	if len(v.problems) > maxProblems {
		rest := len(v.problems) - maxProblems
		v.problems = append(v.problems[:maxProblems:maxProblems], fmt.Sprintf("and %d more problems", rest))
	}
	if err := v.err("the job document is wrong"); err != nil {
		return v.job, job.Manifest{}, err
	}
	return v.job, v.manifest, nil
}

// converter collects a job and its problems, one concern after the other.
type converter struct {
	problems

	doc      Document
	rules    Conversion
	job      job.Spec
	manifest job.Manifest
	resolved options.Result

	// primaryAsset is the asset of the primary source, nil without one that can be read.
	primaryAsset map[string]any
	embedded     int64
	tooMuch      bool
}

func (v *converter) addf(format string, args ...any) {
	v.problems.addf("%s", job.Head(fmt.Sprintf(format, args...), maxProblem))
}

func (v *converter) kind() {
	switch t := v.doc.JobType(); t {
	case "MODEL_BATCH_JOB":
		v.job.Kind = job.KindScoring
	case "MODEL_BATCH_TEST_JOB":
		v.job.Kind = job.KindMetrics
	case "MODEL_BATCH_TRAINING_JOB":
		v.job.Kind = job.KindTraining
	case "":
		v.addf("jobType: is missing")
	default:
		v.addf("jobType: %q is none that Stoker knows; they are MODEL_BATCH_JOB, MODEL_BATCH_TEST_JOB and MODEL_BATCH_TRAINING_JOB",
			job.Head(t, maxShort))
	}
	v.manifest.Kind = v.job.Kind
}

// options chooses the cluster and resolves the Spark options.
func (v *converter) options() {
	parameters := v.parameters()
	engine, ours := findEngine(v.rules.Engines, v.doc.EngineType(), v.doc.EngineName())
	if !ours {
		v.addf("targetEngine: type %q, name %q is none of this installation's engines",
			job.Head(v.doc.EngineType(), maxShort), job.Head(v.doc.EngineName(), maxShort))
	}
	settings, _ := options.ReadSettings(parameters) // Resolve lists its problems
	v.job.Cluster = engine.Cluster
	if settings.Cluster != "" {
		v.job.Cluster = settings.Cluster
	}
	cluster, known := v.rules.Clusters[v.job.Cluster]
	if !known {
		name := job.Head(v.job.Cluster, maxShort)
		v.job.Cluster = "" // nothing of the job has a place anywhere
		switch {
		case settings.Cluster != "":
			v.addf("job parameter stoker.cluster: there is no cluster %q; there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(v.rules.Clusters)), ", "))
		case ours:
			v.addf("targetEngine: its cluster %q is not configured", name)
		}
		// What its options would be on any cluster is checked all the same.
		cluster = options.Cluster{Master: options.AnyMaster}
	}
	v.object("targetEngine.sparkConf", dig(v.doc.Root, "targetEngine", "sparkConf"))
	result, problems := options.Resolve(cluster, options.Engine{
		SparkConf:      flat(dig(v.doc.Root, "targetEngine", "sparkConf")),
		ExecutorMemory: scalar(dig(v.doc.Root, "targetEngine", "executorMemory")),
	}, parameters)
	for _, p := range problems {
		v.addf("%s", p)
	}
	v.resolved = result
	v.manifest.Options = result.Options
	v.manifest.Parameters = result.Parameters
	v.job.Queue = capped(result.Queue)
	v.job.Profile = capped(result.Profile)
	v.times(result.Settings)
}

// parameters are the job's own: without Stoker's bookkeeping, and without keys
// that are null, which is how a merge patch leaves a removed key.
func (v *converter) parameters() map[string]string {
	value := v.doc.Root["jobParameters"]
	v.object("jobParameters", value)
	parameters := flat(value)
	delete(parameters, ParameterExternalOutput)
	if v.rules.ApplicationIDParameter != "" {
		delete(parameters, v.rules.ApplicationIDParameter)
	}
	return parameters
}

// object makes sure that a value is an object if it is there.
func (v *converter) object(where string, value any) {
	if _, ok := value.(map[string]any); !ok && value != nil {
		v.addf("%s: is no object", where)
	}
}

func (v *converter) times(s options.Settings) {
	v.job.Deadline, v.job.RunLimit = v.rules.Deadline, v.rules.RunLimit
	if s.Deadline > 0 {
		v.job.Deadline = s.Deadline
		most := v.rules.MaxDeadline
		if most == 0 {
			most = v.rules.Deadline
		}
		if most > 0 && s.Deadline > most {
			v.addf("job parameter stoker.deadline: %s is above the limit %s", s.Deadline, most)
		}
	}
	if s.RunLimit > 0 {
		v.job.RunLimit = s.RunLimit
		if v.rules.RunLimit > 0 && s.RunLimit > v.rules.RunLimit {
			v.addf("job parameter stoker.runLimit: %s is above the limit %s", s.RunLimit, v.rules.RunLimit)
		}
	}
}

func (v *converter) spec() {
	v.job.Name = capped(v.doc.Name())
	if v.resolved.Name != "" {
		v.job.Name = capped(v.resolved.Name)
	}
	v.job.User = capped(v.doc.CreatedBy())
	v.job.Tenant = capped(v.doc.Group())
	v.job.ModelID = capped(v.doc.ModelID())
	v.job.PythonDriver = true
	v.job.OutageLimit = v.rules.OutageLimit
	v.job.Retry = v.rules.Retry
	for _, o := range v.manifest.Outputs {
		if o.Embedded {
			v.job.EmbeddedOutputs++
		}
	}
}

// document keeps the job document for the model, without what is staged as
// files.
func (v *converter) document() {
	data, err := encodeJSON(trimmed(v.doc.Root))
	if err != nil {
		v.addf("the document cannot be written as JSON: %v", err)
	}
	v.manifest.Document = data
}

// trimmed copies a JSON value without the contents of assets. The job's own
// parameters stay whole.
func trimmed(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for k, e := range value {
			switch k {
			case "fileContent", "fileContentString", "sourceCode":
			case "jobParameters":
				out[k] = e
			default:
				out[k] = trimmed(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, e := range value {
			out[i] = trimmed(e)
		}
		return out
	}
	return value
}

// functions finds the model's functions in its primary source.
func (v *converter) functions() {
	if v.primaryAsset == nil || v.job.Kind == "" {
		return
	}
	m := readModule(v.manifest.Primary.Text)
	role := v.job.Kind.Role()
	if f := v.function(m, role); f != nil {
		v.manifest.Function = *f
	} else {
		v.addf("source %s: has no %s function; name one in %sFunction, mark one with \"# modelop.%s\" or call one %s",
			v.manifest.Primary.Path, role, role, role, role)
	}
	v.manifest.Init = v.function(m, "init")
}

// function finds the function of a role, nil if there is none. One that is named but
// not there is a problem.
func (v *converter) function(m module, role string) *job.Function {
	field := role + "Function"
	if name := strings.TrimSpace(text(v.primaryAsset[field])); name != "" {
		switch {
		case !isFunctionName(name):
			v.addf("source %s: %s %q is no name of a Python function", v.manifest.Primary.Path, field, name)
		case !m.binds(name):
			v.addf("source %s: %s names %s, which is not defined at the top level", v.manifest.Primary.Path, field, name)
		}
		return &job.Function{Name: name, Origin: "asset field " + field}
	}
	if c, ok := m.comments[role]; ok {
		return &job.Function{Name: c.function, Origin: "smart comment # " + c.text}
	}
	// A text that may define anything counts as defining what the job needs, but
	// not what it can do without.
	if m.names[role] || role != "init" && m.binds(role) {
		return &job.Function{Name: role, Origin: "conventional name"}
	}
	return nil
}

// list is a list of objects in the document; missing and null are empty.
func (v *converter) list(where string, value any) []map[string]any {
	if value == nil {
		return nil
	}
	items, ok := value.([]any)
	if !ok {
		v.addf("%s: is no list", where)
		return nil
	}
	if len(items) > maxAssets {
		v.addf("%s: holds %d assets, more than %d", where, len(items), maxAssets)
		return nil
	}
	out := make([]map[string]any, len(items))
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			v.addf("%s[%d]: is no object", where, i)
		}
		out[i] = object
	}
	return out
}

// grow counts decoded content against the total.
func (v *converter) grow(n int) {
	v.embedded += int64(n)
	if v.rules.MaxEmbeddedBytes > 0 && v.embedded > v.rules.MaxEmbeddedBytes && !v.tooMuch {
		v.tooMuch = true
		v.addf("the embedded assets together are larger than %d bytes; put the larger ones into a store and name them by URL",
			v.rules.MaxEmbeddedBytes)
	}
}

func (v *converter) fits(where string, n int) bool {
	if limit := v.rules.MaxAssetBytes; limit > 0 && int64(n) > limit {
		v.addf("%s: is embedded and larger than %d bytes; put it into a store and name it by URL", where, limit)
		return false
	}
	return true
}

// content decodes an embedded asset; there is false if it has none.
func (v *converter) content(where string, asset map[string]any) (data []byte, there bool) {
	switch value := asset["fileContent"].(type) {
	case nil:
	case string:
		data, err := decodeBase64(value)
		if err != nil {
			v.addf("%s: its fileContent %v", where, err)
			return nil, true
		}
		if !v.fits(where, len(data)) {
			return nil, true
		}
		v.grow(len(data))
		return data, true
	default:
		v.addf("%s: its fileContent is no text", where)
		return nil, true
	}
	data, there = contentString(asset["fileContentString"])
	if there && v.fits(where, len(data)) {
		v.grow(len(data))
	}
	return data, there
}

// contentString is a fileContentString: a text, a list of lines, or a list of
// JSON values, which is the JSON file itself.
func contentString(value any) ([]byte, bool) {
	switch value := value.(type) {
	case nil:
		return nil, false
	case string:
		return []byte(value), true
	case []any:
		var b bytes.Buffer
		for _, e := range value {
			line, ok := e.(string)
			if !ok {
				return []byte(valueText(value)), true
			}
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
		return b.Bytes(), true
	}
	return []byte(valueText(value)), true
}

// flat is an object as text values: null is left out, other values than strings
// become JSON.
func flat(value any) map[string]string {
	m, _ := value.(map[string]any)
	out := make(map[string]string, len(m))
	for k, e := range m {
		if e != nil {
			out[k] = valueText(e)
		}
	}
	return out
}

// scalar is a value as text, "" for null.
func scalar(value any) string {
	if value == nil {
		return ""
	}
	return valueText(value)
}

// capped is a short text from outside for a Spec.
func capped(s string) string { return job.Head(cleanLine(s), maxShort) }
