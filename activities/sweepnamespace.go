package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// fileNamespace lies in the root, where no job has a name that begins with a dot.
const fileNamespace = ".namespace.json"

// namespaceRecord is which Temporal the jobs of a root are in.
type namespaceRecord struct {
	Installation string    `json:"installation"`
	Namespace    string    `json:"namespace"`
	ID           string    `json:"id"`
	RecordedAt   time.Time `json:"recordedAt"`
}

// sameNamespace makes sure that this is the namespace on record, and puts it there if
// none is.
func (s *Sweep) sameNamespace(ctx context.Context, cluster Cluster, accept bool) (recorded bool, err error) {
	name, id, err := s.temporal.Namespace(ctx)
	if err != nil {
		return false, err
	}
	now := namespaceRecord{Installation: cluster.Installation, Namespace: name, ID: id, RecordedAt: time.Now().UTC()}
	data, err := json.Marshal(now)
	if err != nil {
		return false, job.Errorf(job.CodeInternal, "record the namespace: %w", err)
	}
	file := path.Join(cluster.Root, fileNamespace)
	err = cluster.Stores.Default.Create(ctx, file, data, modeFile)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrExist):
		return false, storeError("record the namespace in "+file, err)
	}
	was, err := readFile(ctx, cluster.Stores.Default, file)
	if err != nil {
		return false, storeError("read "+file, err)
	}
	var before namespaceRecord
	if err := json.Unmarshal(was, &before); err != nil {
		return false, job.Errorf(job.CodeConflict, "%s cannot be read: %w; look at it, and delete it if it is broken", file, err)
	}
	if before.ID == id {
		return false, nil
	}
	if accept {
		_, err := cluster.Stores.Default.Write(ctx, file, strings.NewReader(string(data)), modeFile)
		return err == nil, storeErrorOrNil("record the namespace in "+file, err)
	}
	return false, job.Errorf(job.CodeConflict, "the jobs of cluster %s belong to namespace %s (%s), and this is %s (%s): nothing was touched; "+
		"if its database was lost for good, reconcile, and sweep with --accept-namespace", cluster.Name, before.Namespace, before.ID, name, id)
}

func storeErrorOrNil(what string, err error) error {
	if err == nil {
		return nil
	}
	return storeError(what, err)
}
