package temporal

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"pgregory.net/rapid"
)

// Timers are found as Temporal's own query finds them.
func TestTimersAreFoundByTheirIndex(t *testing.T) {
	t.Parallel()
	settings := &config.SQL{
		PluginName: sqliteplugin.PluginName, DatabaseName: filepath.Join(t.TempDir(), "temporal.sqlite"),
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "wal"},
	}
	require.NoError(t, sqlite.SetupSchema(settings))
	settings.PluginName = pluginName
	opened, err := sql.NewSQLDB(sqlplugin.DbKindMain, settings, nil, log.NewNoopLogger(), metrics.NoopMetricsHandler)
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	db, ok := opened.(*timerDB)
	require.True(t, ok)

	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := rapid.Custom(func(rt *rapid.T) time.Time {
		// Whole seconds are written without a fraction.
		return base.Add(time.Duration(rapid.IntRange(-5, 5).Draw(rt, "s"))*time.Second + rapid.SampledFrom([]time.Duration{
			0, time.Microsecond, 100 * time.Millisecond, 123456 * time.Microsecond, 999999 * time.Microsecond,
		}).Draw(rt, "fraction"))
	})
	rapid.Check(t, func(rt *rapid.T) {
		_, err := db.RangeDeleteFromTimerTasks(t.Context(), sqlplugin.TimerTasksRangeFilter{ShardID: 1, ExclusiveMaxVisibilityTimestamp: base.AddDate(1, 0, 0)})
		require.NoError(rt, err)
		for id := range rapid.IntRange(0, 20).Draw(rt, "rows") {
			_, err := db.InsertIntoTimerTasks(t.Context(), []sqlplugin.TimerTasksRow{{
				ShardID: 1, VisibilityTimestamp: at.Draw(rt, "at"), TaskID: int64(id), Data: []byte{byte(id)}, DataEncoding: "x",
			}})
			require.NoError(rt, err)
		}
		filter := sqlplugin.TimerTasksRangeFilter{
			ShardID: 1, InclusiveMinVisibilityTimestamp: at.Draw(rt, "from"), InclusiveMinTaskID: rapid.Int64Range(0, 20).Draw(rt, "id"),
			ExclusiveMaxVisibilityTimestamp: at.Draw(rt, "to"), PageSize: rapid.IntRange(1, 30).Draw(rt, "page"),
		}
		if rapid.Bool().Draw(rt, "from the beginning") {
			filter.InclusiveMinVisibilityTimestamp = time.Time{}
		}
		want, err := db.DB.RangeSelectFromTimerTasks(t.Context(), filter)
		require.NoError(rt, err)
		got, err := db.RangeSelectFromTimerTasks(t.Context(), filter)
		require.NoError(rt, err)
		require.Len(rt, got, len(want))
		for i := range want {
			require.Equal(rt, want[i], got[i])
		}
	})
}
