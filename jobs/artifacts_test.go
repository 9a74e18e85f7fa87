package jobs

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// What a store can never hold is the caller's to mend, and no outage.
func TestStoreFailures(t *testing.T) {
	t.Parallel()
	for want, err := range map[job.Code]error{
		job.CodeInvalid:     job.Errorf(job.CodeInvalid, "HDFS allows no ':' in names"),
		job.CodeInternal:    fs.ErrPermission,
		job.CodeUnavailable: errors.New("connection refused"),
	} {
		got := storeFailure("store a:b.py", err)
		require.Equal(t, want, job.CodeOf(got))
		require.ErrorContains(t, got, err.Error())
	}
}
