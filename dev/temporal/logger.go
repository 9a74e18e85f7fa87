package temporal

import (
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// untilStopped passes errors on until the server is told to stop: its services
// end in no particular order and complain about each other, which says nothing.
type untilStopped struct {
	log.Logger
	stopping *atomic.Bool
}

func (l untilStopped) Warn(msg string, tags ...tag.Tag) {
	if !l.stopping.Load() {
		l.Logger.Warn(msg, tags...)
	}
}

func (l untilStopped) Error(msg string, tags ...tag.Tag) {
	if !l.stopping.Load() {
		l.Logger.Error(msg, tags...)
	}
}

// With implements log.WithLogger.
func (l untilStopped) With(tags ...tag.Tag) log.Logger {
	return untilStopped{log.With(l.Logger, tags...), l.stopping}
}
