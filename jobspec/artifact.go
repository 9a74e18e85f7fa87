package jobspec

import (
	"context"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// artifactScheme begins the reference to an uploaded file.
const artifactScheme = "artifact:"

// Artifact is an uploaded file: its content by digest, and a name that ends as Spark
// wants it.
type Artifact struct {
	// SHA256 of the content in lower-case hex.
	SHA256 string
	Name   string
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// usedNote stands beside an artifact and says when it was used last.
const usedNote = ".used"

// storesOwn are the names of what lies beside artifacts and is none: usedNote, and what
// is still being written.
var storesOwn = regexp.MustCompile(`^\.(used|.*\.tmp-.*)$`)

// ParseArtifact reads "<sha256>/<name>".
func ParseArtifact(reference string) (Artifact, error) {
	digest, name, _ := strings.Cut(reference, "/")
	if !sha256Hex.MatchString(digest) {
		return Artifact{}, job.Errorf(job.CodeInvalid, "must be artifact:<sha256 in lower-case hex>/<name>, got %q", artifactScheme+job.Head(reference, 100))
	}
	if problem := nameProblem(name); problem != "" {
		return Artifact{}, job.Errorf(job.CodeInvalid, "the artifact's name %s", problem)
	}
	if storesOwn.MatchString(name) {
		return Artifact{}, job.Errorf(job.CodeInvalid, "the artifact's name %q is the store's own, as are .used and .NAME.tmp-…; rename the file", name)
	}
	return Artifact{SHA256: digest, Name: name}, nil
}

// String is how a Spec refers to the artifact.
func (a Artifact) String() string { return artifactScheme + a.SHA256 + "/" + a.Name }

// Path of the artifact below the directory of a cluster's artifacts. Two names of the
// same content are two files: Spark knows files by their names.
func (a Artifact) Path(root string) string { return path.Join(root, a.SHA256, a.Name) }

// usedEvery is how exactly it is known when an artifact was used last.
const usedEvery = time.Hour

// Use notes that an artifact is used, so that it is kept: by a file beside it, since what
// deletes old ones goes by when files were written.
func (a Artifact) Use(ctx context.Context, files store.Store, root string) error {
	note := path.Join(root, a.SHA256, usedNote)
	if info, err := files.Stat(ctx, note); err == nil && time.Since(info.ModTime) < usedEvery {
		return nil
	}
	_, err := files.Write(ctx, note, strings.NewReader(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600)
	return err
}

// CutArtifact splits a file of a Program into the artifact that it refers to and what
// follows the '#'; false if it refers to none.
func CutArtifact(file string) (artifact Artifact, alias string, ok bool) {
	reference, ok := strings.CutPrefix(file, artifactScheme)
	if !ok {
		return Artifact{}, "", false
	}
	reference, alias, _ = strings.Cut(reference, "#")
	artifact, err := ParseArtifact(reference)
	return artifact, alias, err == nil
}
