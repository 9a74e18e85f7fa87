package config

import "time"

// Sweep ends what nobody looks after, and deletes what is old.
type Sweep struct {
	// Interval between two sweeps of a cluster; 0 leaves them to "stoker admin sweep".
	Interval time.Duration `koanf:"interval"`
	// Grace is how long a workflow must have been closed before what it left is touched.
	Grace time.Duration `koanf:"grace"`
	// KeepMarkers is how long the markers of a job, which keep it from ever being launched
	// twice, outlive the job. Temporal's retention should not be longer: a workflow that is
	// reset without them would launch its job anew.
	KeepMarkers time.Duration `koanf:"keepMarkers"`
	// KeepLogs is how long logs and records are kept after a job; 0 is for ever.
	KeepLogs time.Duration `koanf:"keepLogs"`
}

// DefaultSweep is how clusters are swept unless the configuration says otherwise.
func DefaultSweep() Sweep {
	return Sweep{Interval: 10 * time.Minute, Grace: 10 * time.Minute, KeepMarkers: 7 * 24 * time.Hour, KeepLogs: 90 * 24 * time.Hour}
}

func (s Sweep) validate(addf func(string, ...any)) {
	if s.Interval != 0 && s.Interval < time.Second {
		addf("sweep.interval: must be 0 or at least 1s, got %s", s.Interval)
	}
	if s.Grace <= 0 {
		addf("sweep.grace: must be positive, got %s", s.Grace)
	}
	if s.KeepMarkers < s.Grace {
		addf("sweep.keepMarkers: must not be below sweep.grace (%s), got %s", s.Grace, s.KeepMarkers)
	}
	if s.KeepLogs < 0 {
		addf("sweep.keepLogs: must not be negative, got %s", s.KeepLogs)
	}
}
