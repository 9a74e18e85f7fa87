package rm

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
)

// SubmissionContext is the body of Submit (ApplicationSubmissionContextInfo). What
// it has no field for cannot be asked for over REST: custom resources of the
// master, hosts, token configuration.
type SubmissionContext struct {
	XMLName xml.Name `xml:"application-submission-context"`
	ID      string   `xml:"application-id"`
	Name    string   `xml:"application-name"`
	Queue   string   `xml:"queue"`
	// Priority nil is -1, below every application that was submitted otherwise; the
	// queue's own default cannot be asked for.
	Priority      *int      `xml:"priority,omitempty"`
	Container     Container `xml:"am-container-spec"`
	MaxAttempts   int       `xml:"max-app-attempts"`
	Resource      Resource  `xml:"resource"`
	Type          string    `xml:"application-type"`
	KeepContainer bool      `xml:"keep-containers-across-application-attempts"`
	Tags          []string  `xml:"application-tags>tag,omitempty"`
	// NodeLabel of containers that name none. Over REST an empty one is not "the
	// queue's default" but "no label".
	NodeLabel string `xml:"app-node-label-expression,omitempty"`
	// AMNodeLabel of the master's container.
	AMNodeLabel    string          `xml:"am-container-node-label-expression,omitempty"`
	LogAggregation *LogAggregation `xml:"log-aggregation-context,omitempty"`
	// AttemptFailuresValidity in ms; 0 is for ever.
	AttemptFailuresValidity int64 `xml:"attempt-failures-validity-interval,omitempty"`
}

// Resource of one container.
type Resource struct {
	MemoryMB int64 `xml:"memory"` // MiB
	VCores   int64 `xml:"vCores"`
}

// LogAggregation says which log files are collected while the application runs;
// Java regular expressions.
type LogAggregation struct {
	RolledInclude string `xml:"rolled-log-include-pattern,omitempty"`
	RolledExclude string `xml:"rolled-log-exclude-pattern,omitempty"`
}

// Container is what the NodeManager needs to start the application's master.
type Container struct {
	// LocalResources by link name, relative to the container's directory.
	LocalResources Map[LocalResource] `xml:"local-resources"`
	Environment    Map[string]        `xml:"environment"`
	// Commands are joined by spaces and run by bash.
	Commands    []string    `xml:"commands>command"`
	Credentials Credentials `xml:"credentials"`
	// ACLs: VIEW_APP and MODIFY_APP, each "user,user group,group".
	ACLs Map[string] `xml:"application-acls"`
}

// Credentials of the application. They are secrets.
type Credentials struct {
	// Tokens are Hadoop's delegation tokens by alias, URL-safe base64.
	Tokens Map[string] `xml:"tokens"`
	// Secrets in base64.
	Secrets Map[string] `xml:"secrets"`
}

// String keeps the credentials out of logs.
func (c Credentials) String() string {
	return fmt.Sprintf("%d tokens, %d secrets", len(c.Tokens), len(c.Secrets))
}

// ResourceType says whether a local resource is unpacked.
type ResourceType string

// The resource types.
const (
	TypeFile    ResourceType = "FILE"
	TypeArchive ResourceType = "ARCHIVE"
)

// Visibility says who shares the NodeManager's copy of a local resource.
type Visibility string

// The visibilities. Public is right only for a file that everyone may read, below
// directories that everyone may enter; otherwise localisation fails. Private is
// always right.
const (
	VisibilityPublic  Visibility = "PUBLIC"
	VisibilityPrivate Visibility = "PRIVATE"
)

// LocalResource is a file that the NodeManager fetches before the container starts.
type LocalResource struct {
	// URL with an authority and without a fragment.
	URL        string       `xml:"resource"`
	Type       ResourceType `xml:"type"`
	Visibility Visibility   `xml:"visibility"`
	Size       int64        `xml:"size"`
	// Timestamp is the modification time in ms exactly as the file system reports
	// it; the container fails if it differs.
	Timestamp int64 `xml:"timestamp"`
}

// Map is a Java map in XML: entries of key and value, sorted by key.
type Map[V any] map[string]V

// MarshalXML writes the entries.
func (m Map[V]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type entry struct {
		Key   string `xml:"key"`
		Value V      `xml:"value"`
	}
	entries := make([]entry, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entries = append(entries, entry{key, m[key]})
	}
	return e.EncodeElement(struct {
		Entries []entry `xml:"entry"`
	}{entries}, start)
}

// UnmarshalXML reads them again.
func (m *Map[V]) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var got struct {
		Entries []struct {
			Key   string `xml:"key"`
			Value V      `xml:"value"`
		} `xml:"entry"`
	}
	if err := d.DecodeElement(&got, &start); err != nil {
		return err
	}
	*m = make(Map[V], len(got.Entries))
	for _, e := range got.Entries {
		(*m)[e.Key] = e.Value
	}
	return nil
}

// Marshal returns the XML. Text that XML cannot carry unchanged is an invalid
// error, not replaced.
func (s SubmissionContext) Marshal() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(s); err != nil {
		return nil, job.Errorf(job.CodeInternal, "write the submission of %s: %w", s.ID, err)
	}
	if bytes.ContainsRune(b.Bytes(), utf8.RuneError) {
		return nil, job.Errorf(job.CodeInvalid, "the submission of %s has text that is no XML 1.0; see ValidText", s.ID)
	}
	return b.Bytes(), nil
}

// ValidText reports whether XML 1.0 can carry s unchanged: valid UTF-8 without
// control characters other than tab, line feed and carriage return.
func ValidText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
		case r < ' ', r == 0xFFFE, r == 0xFFFF, r == utf8.RuneError:
			return false
		}
	}
	return true
}
