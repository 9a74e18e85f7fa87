// Package telemetry sets up what operators read of a process: its log, its
// metrics and its health. What is counted and logged is said where it happens.
package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger makes a process's logger. Level is debug, info, warn or error, and
// format text or json; anything else is info and text.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
