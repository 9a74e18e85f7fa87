package modelmanage

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/stoker-spark/stoker/job"
)

// Document is a job document as model-manage sent it. Fields that Stoker does
// not know are kept. It must not be changed.
type Document struct {
	// Root is the decoded document, numbers as json.Number; nil if the document
	// is no JSON object.
	Root map[string]any
	// ETag of the reading, "" if the server sent none.
	ETag string
}

// ParseDocument decodes a document. Anything but one JSON object is a
// job.Error of code invalid.
func ParseDocument(data []byte) (Document, error) {
	v, err := decodeJSON(data)
	if err != nil {
		return Document{}, job.Errorf(job.CodeInvalid, "read job document: %w", err)
	}
	root, ok := v.(map[string]any)
	if !ok {
		return Document{}, job.Errorf(job.CodeInvalid, "read job document: its root is no JSON object")
	}
	return Document{Root: root}, nil
}

// ID is the job's id, "" when absent, as with the other fields below.
func (d Document) ID() string { return text(d.Root["id"]) }

// JobType is MODEL_BATCH_JOB, MODEL_BATCH_TEST_JOB, ….
func (d Document) JobType() string { return text(d.Root["jobType"]) }

// Status is jobStatus.
func (d Document) Status() Status { return Status(text(d.Root["jobStatus"])) }

// Result is jobResult.
func (d Document) Result() string { return text(d.Root["jobResult"]) }

// Group owns the job: the tenant.
func (d Document) Group() string { return text(d.Root["group"]) }

// CreatedBy is the user on whose behalf the job runs.
func (d Document) CreatedBy() string { return text(d.Root["createdBy"]) }

// EngineType is that of targetEngine.
func (d Document) EngineType() string { return text(dig(d.Root, "targetEngine", "engineType")) }

// EngineName is that of targetEngine.
func (d Document) EngineName() string { return text(dig(d.Root, "targetEngine", "name")) }

// ModelID is the deployable model's id, else the stored model's.
func (d Document) ModelID() string {
	return firstText(dig(d.Root, "model", "id"), dig(d.Root, "model", "storedModel", "id"))
}

// Name for people: the deployable model's name, else the stored model's, else
// the model's id, else the job's.
func (d Document) Name() string {
	return firstText(
		dig(d.Root, "model", "metaData", "name"),
		dig(d.Root, "model", "storedModel", "modelMetaData", "name"),
		dig(d.Root, "model", "name"),
		d.ModelID(),
		d.ID(),
	)
}

// Parameter is one value of jobParameters as text, and whether it is there.
func (d Document) Parameter(key string) (string, bool) {
	v := dig(d.Root, "jobParameters", key)
	if v == nil {
		return "", false
	}
	return valueText(v), true
}

// Messages are the strings of jobMessages.
func (d Document) Messages() []string {
	list, _ := d.Root["jobMessages"].([]any)
	var out []string
	for _, m := range list {
		if s, ok := m.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// decodeJSON reads exactly one JSON value and keeps numbers as written.
func decodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// encodeJSON writes v in one line without escaping <, > and &.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// dig follows keys through objects; nil where one is missing.
func dig(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// text is a string, or "" for any other value.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func firstText(values ...any) string {
	for _, v := range values {
		if s := text(v); s != "" {
			return s
		}
	}
	return ""
}

// valueText is any JSON value as text: a string as it is, anything else as JSON.
func valueText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := encodeJSON(v)
	if err != nil {
		return ""
	}
	return string(b)
}
