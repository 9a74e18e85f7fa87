package modelmanage

import (
	"fmt"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// ParameterExternalOutput is the key of jobParameters under which model-manage
// finds where embedded outputs lie while the job runs: a JSON text.
const ParameterExternalOutput = "TMP_EXTERNAL_OUTPUT"

// defaultApplicationID is the default of Config.ApplicationIDParameter.
const defaultApplicationID = "SPARK_APPLICATION_ID"

// WriteMode says how a document is written.
type WriteMode string

// The write modes.
const (
	// WriteMergePatch sends the changed fields only.
	WriteMergePatch WriteMode = "merge-patch"
	// WritePut sends the whole document as it was read, with the changes.
	WritePut WriteMode = "put"
)

// RemoveMode says how a key is taken out of jobParameters.
type RemoveMode string

// The remove modes. If the server refuses one, the other is tried.
const (
	RemoveJSONPatch RemoveMode = "json-patch"
	RemovePut       RemoveMode = "put"
)

// MessageMode says how much of a stream goes into jobMessages.
type MessageMode string

// The message modes.
const (
	MessageOff  MessageMode = "off"
	MessageTail MessageMode = "tail"
	MessageFull MessageMode = "full"
)

// Config says where model-manage is and how it behaves.
type Config struct {
	// BaseURL of model-manage or of the gateway before it, without the prefix:
	// "http://gateway:8090". No user, query or fragment.
	BaseURL string `koanf:"baseUrl"`
	// Prefix of every path: "/model-manage/api" through the gateway, "/api"
	// without.
	Prefix string `koanf:"prefix"`
	// JobsPath is the collection of all jobs, and where one is read by its id.
	JobsPath string `koanf:"jobsPath"`
	// ItemPaths maps a jobType to the collection through which a job of that
	// type is written; a type not listed uses JobsPath.
	ItemPaths map[string]string `koanf:"itemPaths"`
	// Search lists jobs by status; without a path every job is listed and
	// filtered by Stoker.
	Search Search `koanf:"search"`
	// PageSize asked for when listing, 1 to 1000.
	PageSize int `koanf:"pageSize"`
	// Sort is the sort parameter of a listing, "" for none.
	Sort string `koanf:"sort"`
	// WriteMode is "merge-patch" or "put".
	WriteMode WriteMode `koanf:"writeMode"`
	// PatchMediaType is the Content-Type of a merge patch.
	PatchMediaType string `koanf:"patchMediaType"`
	// IfMatch sends the ETag that was read with every write. Switch it off only
	// for a server that refuses the header.
	IfMatch bool `koanf:"ifMatch"`
	// RemoveMode is "json-patch" or "put".
	RemoveMode RemoveMode `koanf:"removeMode"`
	// ApplicationIDParameter is the key of jobParameters that gets the
	// application's id.
	ApplicationIDParameter string `koanf:"applicationIdParameter"`
	// KilledFromOutside is the status of a job whose application somebody killed
	// on the cluster: "ERROR" or "CANCELLED".
	KilledFromOutside Status `koanf:"killedFromOutside"`
	// Messages says what goes into jobMessages.
	Messages MessageConfig `koanf:"messages"`
	// RequestTimeout bounds one call, sending and reading a document with all its
	// content included.
	RequestTimeout time.Duration `koanf:"requestTimeout"`
	// TokenFile holds a bearer token; "" sends none. It is read again after a
	// 401, so that a rotated token needs no restart.
	TokenFile string `koanf:"tokenFile"`
	// MaxDocumentBytes bounds a document with the contents of its outputs: more than
	// its store holds (16 MB in MongoDB) would be refused over and over.
	MaxDocumentBytes int64 `koanf:"maxDocumentBytes"`
	// MaxResponseBytes bounds a reply.
	MaxResponseBytes int64 `koanf:"maxResponseBytes"`
	// MaxAssetBytes bounds one embedded asset, decoded; MaxEmbeddedBytes all of
	// a job's together.
	MaxAssetBytes    int64 `koanf:"maxAssetBytes"`
	MaxEmbeddedBytes int64 `koanf:"maxEmbeddedBytes"`
	// Engines are the engines whose jobs Stoker runs.
	Engines []Engine `koanf:"engines"`
}

// Search is a search resource of model-manage.
type Search struct {
	// Path below the prefix: "jobs/search/findAllByJobStatus".
	Path string `koanf:"path"`
	// Parameter that takes the status.
	Parameter string `koanf:"parameter"`
}

// MessageConfig says what goes into jobMessages.
type MessageConfig struct {
	// Stdout and Stderr are "off", "tail" or "full".
	Stdout MessageMode `koanf:"stdout"`
	Stderr MessageMode `koanf:"stderr"`
	// StreamBytes bounds what one stream adds.
	StreamBytes int `koanf:"streamBytes"`
	// MaxLines and MaxBytes bound jobMessages as a whole; the first and the last
	// lines are kept.
	MaxLines int `koanf:"maxLines"`
	MaxBytes int `koanf:"maxBytes"`
}

// Engine is an engine document of model-manage whose jobs Stoker runs.
type Engine struct {
	// Type as in targetEngine.engineType.
	Type string `koanf:"type"`
	// Name as in targetEngine.name; "" is every engine of the type.
	Name string `koanf:"name"`
	// Cluster that its jobs run on.
	Cluster string `koanf:"cluster"`
}

// DefaultConfig returns the configuration that needs a BaseURL only.
func DefaultConfig() Config {
	return Config{
		Prefix:                 "/model-manage/api",
		JobsPath:               "jobs",
		PageSize:               50,
		Sort:                   "createdDate,desc",
		WriteMode:              WriteMergePatch,
		PatchMediaType:         "application/json",
		IfMatch:                true,
		RemoveMode:             RemoveJSONPatch,
		ApplicationIDParameter: defaultApplicationID,
		KilledFromOutside:      StatusError,
		Messages: MessageConfig{
			Stdout: MessageOff, Stderr: MessageOff, StreamBytes: 64 << 10,
			MaxLines: 500, MaxBytes: 1 << 20,
		},
		RequestTimeout:   time.Minute,
		MaxDocumentBytes: 16_000_000,
		MaxResponseBytes: 32 << 20,
		MaxAssetBytes:    8 << 20,
		MaxEmbeddedBytes: 16 << 20,
		Engines:          []Engine{{Type: "SPARK_RUNTIME", Name: "spark-runtime-1", Cluster: "local"}},
	}
}

// Validate reports every problem of the configuration, as a job.Error of code
// invalid, or nil.
func (c Config) Validate() error {
	var p problems
	c.validateAddress(&p)
	c.validateModes(&p)
	c.validateLimits(&p)
	if len(c.Engines) == 0 {
		p.addf("engines: none is listed, so no job would ever be taken")
	}
	seen := map[string]bool{}
	for i, e := range c.Engines {
		if e.Type == "" || e.Cluster == "" {
			p.addf("engines[%d]: type and cluster are needed", i)
		}
		if id := e.Type + "\x00" + e.Name; seen[id] {
			p.addf("engines[%d]: %s %q is listed twice", i, e.Type, e.Name)
		} else {
			seen[id] = true
		}
	}
	return p.err("the model-manage configuration is wrong")
}

func (c Config) validateAddress(p *problems) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case c.BaseURL == "":
		p.addf("baseUrl: is needed")
	case err != nil:
		p.addf("baseUrl: is not a URL") // not repeated: it may hold a password
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		p.addf("baseUrl: must be http://host or https://host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		p.addf("baseUrl: must have no user, query or fragment")
	}
	if c.Prefix != "" && !strings.HasPrefix(c.Prefix, "/") {
		p.addf("prefix: must begin with '/', got %q", c.Prefix)
	}
	checkPath := func(name, path string) {
		if path == "" || strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") || strings.Contains(path, "..") {
			p.addf("%s: must be a path below the prefix without a leading '/', got %q", name, path)
		}
	}
	checkPath("jobsPath", c.JobsPath)
	types := make([]string, 0, len(c.ItemPaths))
	for t := range c.ItemPaths {
		types = append(types, t)
	}
	sort.Strings(types)
	for _, t := range types {
		checkPath("itemPaths."+t, c.ItemPaths[t])
	}
	if c.Search.Path != "" {
		checkPath("search.path", c.Search.Path)
		if c.Search.Parameter == "" {
			p.addf("search.parameter: is needed with search.path")
		}
	}
}

func (c Config) validateModes(p *problems) {
	if c.WriteMode != WriteMergePatch && c.WriteMode != WritePut {
		p.addf("writeMode: must be %s or %s, got %q", WriteMergePatch, WritePut, c.WriteMode)
	}
	if c.RemoveMode != RemoveJSONPatch && c.RemoveMode != RemovePut {
		p.addf("removeMode: must be %s or %s, got %q", RemoveJSONPatch, RemovePut, c.RemoveMode)
	}
	if !strings.Contains(c.PatchMediaType, "json") {
		p.addf("patchMediaType: must be a JSON media type, got %q", c.PatchMediaType)
	}
	if c.KilledFromOutside != StatusError && c.KilledFromOutside != StatusCancelled {
		p.addf("killedFromOutside: must be %s or %s, got %q", StatusError, StatusCancelled, c.KilledFromOutside)
	}
	checkMode := func(name string, m MessageMode) {
		if m != MessageOff && m != MessageTail && m != MessageFull {
			p.addf("messages.%s: must be %s, %s or %s, got %q", name, MessageOff, MessageTail, MessageFull, m)
		}
	}
	checkMode("stdout", c.Messages.Stdout)
	checkMode("stderr", c.Messages.Stderr)
	switch k := c.ApplicationIDParameter; {
	case k == "", k == ParameterExternalOutput, strings.HasPrefix(k, "-"),
		strings.HasPrefix(strings.ToLower(k), "spark."), strings.HasPrefix(strings.ToLower(k), "stoker."):
		p.addf("applicationIdParameter: must be a key of its own, neither an option nor spark.*, stoker.* or %s; got %q",
			ParameterExternalOutput, k)
	}
}

func (c Config) validateLimits(p *problems) {
	if c.PageSize < 1 || c.PageSize > 1000 {
		p.addf("pageSize: must be 1 to 1000, got %d", c.PageSize)
	}
	positive := func(name string, n int64) {
		if n <= 0 {
			p.addf("%s: must be positive, got %d", name, n)
		}
	}
	positive("requestTimeout", int64(c.RequestTimeout))
	positive("maxDocumentBytes", c.MaxDocumentBytes)
	positive("maxResponseBytes", c.MaxResponseBytes)
	positive("maxAssetBytes", c.MaxAssetBytes)
	positive("maxEmbeddedBytes", c.MaxEmbeddedBytes)
	positive("messages.streamBytes", int64(c.Messages.StreamBytes))
	if c.Messages.MaxLines < 20 {
		p.addf("messages.maxLines: must be at least 20, got %d", c.Messages.MaxLines)
	}
	if c.Messages.MaxBytes < 16<<10 {
		p.addf("messages.maxBytes: must be at least 16384, got %d", c.Messages.MaxBytes)
	}
}

// problems collects what is wrong, in the order found.
type problems []string

func (p *problems) addf(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

func (p problems) err(what string) error {
	if len(p) == 0 {
		return nil
	}
	return job.Invalid(what, p)
}
