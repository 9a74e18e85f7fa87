// Package drain closes a cluster to new launches: a note in the cluster's root says so,
// which every worker of the cluster reads before it launches. What was launched goes on,
// and what waits is launched when the note is gone.
package drain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

const (
	// noteFile is the note's name in the cluster's root.
	noteFile = ".drain.json"
	// fileMode: what it says is not secret.
	fileMode = 0o644
	// maxNote bounds what is read of it, in bytes.
	maxNote = 64 << 10
)

// Note says who closed a cluster.
type Note struct {
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// words are what a job that waits shows.
func (n Note) words(cluster string) string {
	words := prefix(cluster)
	if n.By != "" {
		words += " by " + n.By
	}
	words += n.since()
	if n.Reason != "" {
		words += ": " + n.Reason
	}
	return words
}

func (n Note) since() string { return " since " + n.Since.UTC().Format(time.RFC3339) }

func prefix(cluster string) string { return "cluster " + cluster + " is drained" }

// Set closes a cluster whose files lie under root. A note that is there is replaced.
func Set(ctx context.Context, s store.Store, root string, n Note) error {
	n.By, n.Reason = job.Head(n.By, job.MaxWord), job.Head(n.Reason, job.MaxMessage)
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	_, err = s.Write(ctx, path.Join(root, noteFile), bytes.NewReader(data), fileMode)
	return unavailable("drain the cluster", err)
}

// Clear opens a cluster again; one that is open stays so.
func Clear(ctx context.Context, s store.Store, root string) error {
	return unavailable("end the drain of the cluster", s.RemoveAll(ctx, path.Join(root, noteFile)))
}

// Read returns the note, nil if the cluster is open. A note that cannot be understood
// closes it too: somebody wanted that.
func Read(ctx context.Context, s store.Store, root string) (*Note, error) {
	name := path.Join(root, noteFile)
	r, err := s.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // open is no error
	}
	if err != nil {
		return nil, unavailable("see whether the cluster is drained", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxNote))
	err = errors.Join(err, r.Close())
	switch {
	case errors.Is(err, fs.ErrNotExist): // opened, and gone
		return nil, nil //nolint:nilnil // as above
	case err != nil:
		return nil, unavailable("see whether the cluster is drained", err)
	}
	n := &Note{}
	if json.Unmarshal(data, n) != nil {
		n = &Note{Reason: name + " cannot be understood; stoker drain --resume removes it"}
	}
	n.By, n.Reason = job.Head(n.By, job.MaxWord), job.Head(n.Reason, job.MaxMessage)
	return n, nil
}

// Holds reports whether words of a job that waits are those of this drain of its cluster,
// and not of one before: then the job may be on its way.
func (n Note) Holds(cluster, words string) bool {
	return strings.HasPrefix(words, prefix(cluster)+" ") && strings.Contains(words, n.since())
}

func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	return job.Errorf(job.CodeUnavailable, "%s: %w", what, err)
}

// Gate is what a worker asks before it launches on a cluster whose files lie under root:
// nil if it may, a spark.HeldError if not, or unavailable where nobody can tell.
func Gate(cluster string, s store.Store, root string) func(context.Context) error {
	return func(ctx context.Context) error {
		note, err := Read(ctx, s, root)
		switch {
		case err != nil:
			return fmt.Errorf("cluster %s: %w", cluster, err)
		case note == nil:
			return nil
		}
		return &spark.HeldError{Reason: note.words(cluster)}
	}
}
