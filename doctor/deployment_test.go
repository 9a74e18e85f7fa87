package doctor

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

func TestOfDeployment(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		current string
		err     error
		status  Status
		text    string
	}{
		"current": {"1.2", nil, StatusOK, "1.2 is current in deployment stoker"},
		"another": {"1.1", nil, StatusWarn, "1.1 is current in deployment stoker, and this configuration is 1.2"},
		"none":    {"", nil, StatusFail, "has no current version, so no job goes on"},
		"never":   {"", job.Errorf(job.CodeNotFound, "no"), StatusFail, "is not there"},
		"unknown": {"", errors.New("unimplemented"), StatusFail, "cannot be looked up: unimplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks := OfDeployment("stoker", "1.2", func(context.Context) (string, error) { return row.current, row.err })
			found := checks[0].Run(t.Context())
			require.Equal(t, row.status, found.Status)
			require.Contains(t, found.Text, row.text)
			if row.status != StatusOK && row.err == nil {
				require.Equal(t, "temporal worker deployment set-current-version --deployment-name stoker --build-id 1.2", found.Mend)
			}
		})
	}
}
