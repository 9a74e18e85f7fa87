package job

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// SourceModelManage is the source name of jobs that model-manage holds.
const SourceModelManage = "model-manage"

// maxNameLength keeps names well below the 255 characters that SQL visibility
// columns and file systems allow, with room for prefixes and suffixes.
const maxNameLength = 150

// Key identifies a job: who holds it, its id there, and which re-run it is.
// Everything else that must be unique (workflow id, job directory,
// application id) derives from it, never from a Temporal run id, so that a
// reset or a restored database meets the same names again.
type Key struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	// Rerun counts from 0, the first run of the job.
	Rerun int `json:"rerun,omitempty"`
}

// Name is the key as one path-safe name: "<source>-<id>" and, for a re-run,
// "-r<N>". An id with other characters than letters, digits, '.', '_' and '-',
// a very long one, or one whose end could be taken for a re-run's or a digest's,
// is made safe and told apart by a digest: no two ids of a source share a name.
func (k Key) Name() string {
	name := k.Source + "-" + k.ID
	if !isPlainName(name) {
		sum := sha256.Sum256([]byte(k.Source + "\x00" + k.ID))
		name = plainName(name) + "-" + hex.EncodeToString(sum[:8])
	}
	if k.Rerun > 0 {
		name = fmt.Sprintf("%s-r%d", name, k.Rerun)
	}
	return name
}

// ParseName finds the key that has a name; false if the name does not hold the id,
// because that had to be made safe.
func ParseName(name string) (Key, bool) {
	for _, source := range []string{SourceModelManage, SourceAPI} {
		rest, ok := strings.CutPrefix(name, source+"-")
		if !ok {
			continue
		}
		k := Key{Source: source, ID: rest}
		if at := rerunEnding.FindStringIndex(rest); at != nil {
			n, err := strconv.Atoi(rest[at[0]+len("-r"):])
			if err != nil {
				return Key{}, false
			}
			k.ID, k.Rerun = rest[:at[0]], n
		}
		return k, k.Name() == name
	}
	return Key{}, false
}

var rerunEnding = regexp.MustCompile(`-r[1-9][0-9]{0,8}$`)

// WorkflowID is the id of the job's workflow: "sparkjob-<source>-<id>".
func (k Key) WorkflowID() string { return workflowPrefix + k.Name() }

const workflowPrefix = "sparkjob-"

func (k Key) String() string { return k.Name() }

// Validate reports whether the key can name a job.
func (k Key) Validate() error {
	if k.Source == "" || k.ID == "" {
		return Errorf(CodeInvalid, "job key needs a source and an id, got source %q and id %q", k.Source, k.ID)
	}
	if k.Rerun < 0 {
		return Errorf(CodeInvalid, "job key %s-%s: rerun %d is negative", k.Source, k.ID, k.Rerun)
	}
	return nil
}

func isPlainName(name string) bool {
	return plainName(name) == name && !madeEnding.MatchString(name)
}

// madeEnding is what Name itself puts at the end of names.
var madeEnding = regexp.MustCompile(`-(r[0-9]+|[0-9a-f]{16})$`)

// maxPlain leaves room for a digest.
const maxPlain = maxNameLength - 20

func plainName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
		if b.Len() >= maxPlain {
			break
		}
	}
	return b.String()
}

// Attempt is one try to run the job; each has its own job directory and at
// most one Spark application.
type Attempt struct {
	// Job is Key.Name().
	Job string `json:"job"`
	// WorkflowID is where hints about this attempt go.
	WorkflowID string `json:"workflowId"`
	// Number counts from 1.
	Number int `json:"number"`
}

// Attempt returns the nth attempt (from 1) of the job.
func (k Key) Attempt(n int) Attempt {
	return AttemptOf(k.Name(), n)
}

// AttemptOf is the attempt of the job that has this name.
func AttemptOf(name string, n int) Attempt {
	return Attempt{Job: name, WorkflowID: workflowPrefix + name, Number: n}
}

// FirstAttempt is attempt 1 of a workflow's job, and false of what is no job's workflow.
func FirstAttempt(workflowID string) (Attempt, bool) {
	name, ok := strings.CutPrefix(workflowID, workflowPrefix)
	a := AttemptOf(name, 1)
	return a, ok && a.Validate() == nil
}

// Validate reports whether the attempt can name a directory and an application.
func (a Attempt) Validate() error {
	if a.Job == "" || a.Number < 1 || a.Job[0] == '.' || len(a.Job) > 200 || strings.ContainsAny(a.Job, "/\x00") {
		return Errorf(CodeInvalid, "%q is not an attempt of a job: its name must be one file name and its number at least 1", a.String())
	}
	return nil
}

func (a Attempt) String() string { return fmt.Sprintf("%s/%d", a.Job, a.Number) }
