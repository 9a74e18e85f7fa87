package temporal

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	serverconfig "go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/resolver"
)

// pluginName is Temporal's SQLite, but for how it looks for timers.
const pluginName = "sqlite-timers"

func init() { sql.RegisterPlugin(pluginName, timerPlugin{}) }

// timerPlugin looks for timers by their index. Temporal's own query goes through every
// timer that has fired and is not deleted yet, on the one connection that everything
// shares: from some 20,000 of them on (four thousand live jobs) it does little else, so
// that ever more are not deleted.
type timerPlugin struct{}

var _ sqlplugin.Plugin = timerPlugin{}

// GetVisibilityQueryConverter implements sqlplugin.Plugin.
func (timerPlugin) GetVisibilityQueryConverter() sqlplugin.VisibilityQueryConverter {
	converter, _ := sql.GetPluginVisibilityQueryConverter(sqliteplugin.PluginName) // it is there: this imports it
	return converter
}

// CreateDB implements sqlplugin.Plugin.
func (timerPlugin) CreateDB(kind sqlplugin.DbKind, cfg *serverconfig.SQL, r resolver.ServiceResolver, l log.Logger, m metrics.Handler) (sqlplugin.GenericDB, error) {
	own := *cfg
	own.PluginName = sqliteplugin.PluginName
	db, err := sql.NewSQLDB(kind, &own, r, l, m)
	if err != nil {
		return nil, err
	}
	admin, ok := db.(sqlplugin.AdminDB)
	if !ok {
		return nil, errors.New("temporal's SQLite does not administer itself any more")
	}
	// The write-ahead log lets this connection read beside the other. Times are
	// compared as text, so they must be written as Temporal writes them.
	address := url.URL{Scheme: "file", Path: cfg.DatabaseName, RawQuery: "mode=ro&_time_format=sqlite&_pragma=busy_timeout(10000)"}
	reader, err := stdsql.Open("sqlite", address.String())
	if err != nil {
		return nil, fmt.Errorf("open temporal's database %s for reading: %w", cfg.DatabaseName, err)
	}
	reader.SetMaxOpenConns(2)
	return &timerDB{DB: db, AdminCRUD: admin, admin: admin, reader: reader}, nil
}

type timerDB struct {
	sqlplugin.DB
	sqlplugin.AdminCRUD
	admin  sqlplugin.AdminDB
	reader *stdsql.DB
}

var (
	_ sqlplugin.DB      = (*timerDB)(nil)
	_ sqlplugin.AdminDB = (*timerDB)(nil)
)

// ExpectedVersion implements sqlplugin.AdminDB.
func (d *timerDB) ExpectedVersion() string { return d.admin.ExpectedVersion() }

// VerifyVersion implements sqlplugin.AdminDB.
func (d *timerDB) VerifyVersion() error { return d.admin.VerifyVersion() }

// Close implements sqlplugin.GenericDB.
func (d *timerDB) Close() error { return errors.Join(d.reader.Close(), d.DB.Close()) }

// RangeSelectFromTimerTasks implements sqlplugin.HistoryTimerTask.
func (d *timerDB) RangeSelectFromTimerTasks(ctx context.Context, f sqlplugin.TimerTasksRangeFilter) (found []sqlplugin.TimerTasksRow, err error) {
	from, to := sqliteTime(f.InclusiveMinVisibilityTimestamp), sqliteTime(f.ExclusiveMaxVisibilityTimestamp)
	rows, err := d.reader.QueryContext(ctx, `SELECT visibility_timestamp, task_id, data, data_encoding FROM timer_tasks
		WHERE shard_id = ? AND visibility_timestamp >= ? AND visibility_timestamp < ? AND (visibility_timestamp > ? OR task_id >= ?)
		ORDER BY visibility_timestamp, task_id LIMIT ?`, f.ShardID, from, to, from, f.InclusiveMinTaskID, f.PageSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var row sqlplugin.TimerTasksRow
		if err := rows.Scan(&row.VisibilityTimestamp, &row.TaskID, &row.Data, &row.DataEncoding); err != nil {
			return nil, err
		}
		row.VisibilityTimestamp = row.VisibilityTimestamp.UTC()
		found = append(found, row)
	}
	return found, rows.Err()
}

// sqliteTime is a time as Temporal's SQLite keeps it.
func sqliteTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t.UTC().Truncate(time.Microsecond)
}
